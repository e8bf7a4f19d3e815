import os
import pickle
import re
import tracemalloc
from pathlib import Path

import kaldiio
import numpy as np
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from kaldiio.matio import write_array
from lhotse.dataset import DynamicBucketingSampler
from tones import tone_cuts

from pyspeech.config import FeatureConfig, load_config, load_feature_config
from pyspeech.data.batches import TrainingBatches, inference_batches
from pyspeech.data.features import FeatureExtractor
from pyspeech.data.loading import load
from pyspeech.data.manifests import read_manifest, write_manifest
from pyspeech.data.precomputed_features import MatrixFile, given_features, given_utterance, read_matrix
from pyspeech.data.stored_features import store_features
from pyspeech.errors import UserError
from pyspeech.settings import check_config

CONF = Path(__file__).parents[2] / "conf"
GIVEN = load_feature_config(CONF / "given.yaml")
WORDS = ("LOW", "MID HIGH", "HIGH")
YAML = """include: [augment, given, train, ctc, tdnn_lstm]
task: recognition
features: {num_given: 13}
augment: {time_masks: 0, frequency_masks: 0}
batches: {max_seconds: 6, buckets: 2, workers: WORKERS, min_utterance_seconds: 0.1}
model: {tdnn_width: 16, lstm_width: 16, lstm_layers: 1, label_delay: 2, dropout: 0.1}
training: {epochs: 1, average_epochs: 1}
"""
MATRICES = hnp.arrays(
    st.sampled_from([np.float32, np.float64]),
    st.tuples(st.integers(1, 6), st.integers(1, 5)),
    elements=st.floats(-1e6, 1e6, width=32),
)


def config(columns: int = 13, **changes: object) -> FeatureConfig:
    return GIVEN.model_copy(update={"num_given": columns, "normalise": "none", **changes})


def noise(frames: int, columns: int = 13, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((frames, columns)).astype(np.float32)


def write_mfc(path: Path, matrix: np.ndarray, order: str = ">") -> Path:
    path.write_bytes(np.array(matrix.size, f"{order}i4").tobytes() + matrix.astype(f"{order}f4").tobytes())
    return path


def mixed_cuts(folder: Path, count: int = 9):
    """As many matrices in all three kinds of files, with the cuts that point at them."""
    folder.mkdir(parents=True, exist_ok=True)
    matrices = [noise(30 + 7 * number, seed=number) for number in range(count)]
    kaldiio.save_ark(
        str(folder / "feats.ark"),
        {f"utt{number}": matrices[number] for number in range(0, count, 3)},
        scp=str(folder / "feats.scp"),
    )
    sources = {int(line.split()[0][3:]): line.split()[1] for line in (folder / "feats.scp").read_text().splitlines()}
    for number in range(1, count, 3):
        np.save(folder / f"utt{number}.npy", matrices[number])
        sources[number] = folder / f"utt{number}.npy"
    for number in range(2, count, 3):
        sources[number] = write_mfc(folder / f"utt{number}.mfc", matrices[number])
    cuts = [
        given_utterance(sources[number], WORDS[number % 3], f"s{number % 2}", id=f"utt{number}")
        for number in range(count)
    ]
    return cuts, matrices


@given(MATRICES, st.sampled_from("<>"))
def test_sphinx_files_are_read_in_either_byte_order(tmp_path_factory, matrix, order):
    path = write_mfc(tmp_path_factory.getbasetemp() / "m.mfc", matrix, order)
    assert np.array_equal(read_matrix(MatrixFile("mfc", str(path), 0, matrix.shape[1])), matrix.astype(np.float32))


@given(st.binary(max_size=40))
def test_other_bytes_are_no_sphinx_file(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "other.mfc"
    path.write_bytes(data)
    promised = {int.from_bytes(data[:4], order) * 4 for order in ("little", "big")}
    if len(data) - 4 not in promised or len(data) <= 4:
        with pytest.raises(UserError, match=r"other\.mfc"):
            read_matrix(MatrixFile("mfc", str(path), 0, 1))


@given(MATRICES, MATRICES, st.booleans())
def test_kaldi_archives_are_read_where_their_index_points(tmp_path_factory, first, second, text):
    folder = tmp_path_factory.getbasetemp()
    kaldiio.save_ark(str(folder / "k.ark"), {"a": first, "b": second}, scp=str(folder / "k.scp"), text=text)
    for line, matrix in zip((folder / "k.scp").read_text().splitlines(), (first, second), strict=True):
        cut = given_utterance(line.split()[1], "A", "s", id=line.split()[0])
        found = given_features(cut, config(matrix.shape[1]))
        assert np.allclose(found, matrix, rtol=1e-5)
        assert cut.duration == pytest.approx(0.01 * len(matrix))


@pytest.mark.parametrize("method", range(1, 8))
def test_compressed_kaldi_matrices_are_close_to_what_was_written(tmp_path, method):
    matrix = noise(20, 5) if method < 6 else np.abs(noise(20, 5)) % 1
    with (tmp_path / "c.ark").open("wb") as stream:
        stream.write(b"utt ")
        write_array(stream, matrix, compression_method=method)
    found = given_features(given_utterance(f"{tmp_path}/c.ark:4", "A", "s", id="utt"), config(5))
    step = {3: 1e-3, 4: 0.5, 6: 0.5}.get(method, 0.06)  # Kaldi's 4 and 6 are for whole numbers
    assert np.abs(found - matrix).max() <= step


@given(MATRICES)
def test_numpy_arrays_are_read_as_they_are(tmp_path_factory, matrix):
    path = tmp_path_factory.getbasetemp() / "m.npy"
    np.save(path, matrix)
    cut = given_utterance(path, "A", "s")
    assert (cut.id, cut.supervisions[0].text, cut.supervisions[0].speaker) == ("m", "A", "s")
    assert np.array_equal(given_features(cut, config(matrix.shape[1])), matrix.astype(np.float32))


class Runs:
    """What an evil file may hold: reading it as a pickle makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_nothing_in_a_file_or_a_name_is_run(tmp_path):
    made = tmp_path / "made"
    archive = tmp_path / "evil.ark"
    archive.write_bytes(b"utt PKL" + pickle.dumps(Runs(made)))
    with pytest.raises(UserError, match=r"cannot read features from .*evil\.ark"):
        given_utterance(f"{archive}:4", "A", "s", id="utt")
    np.save(tmp_path / "evil.npy", np.array([[Runs(made)]], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match=r"cannot read features from .*evil\.npy"):
        given_utterance(tmp_path / "evil.npy", "A", "s")
    for command in (f"mkdir {made} |", f"| mkdir {made}"):
        with pytest.raises(UserError, match="is a command, which is not run"):
            given_utterance(command, "A", "s", id="utt")
        with pytest.raises(UserError, match="cannot read features from"):
            read_matrix(MatrixFile("kaldi", command, 0, 0))
    assert not made.exists()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros(3, np.float32), r"holds float32 values of shape \(3,\); expected \[frames, features\]"),
        (np.zeros((0, 3), np.float32), r"shape \(0, 3\)"),
        (np.zeros((2, 3), np.complex64), "holds complex64 values"),
        (np.array([[0, 1], [np.nan, 0]], np.float32), "a value that is not finite, in frame 1"),
        (np.array([[1e300]]), "a value that is not finite, in frame 0"),
    ],
)
def test_what_is_no_finite_matrix_is_named(tmp_path, values, message):
    np.save(tmp_path / "bad.npy", values)
    with pytest.raises(UserError, match=rf"bad\.npy.*{message}"):
        given_utterance(tmp_path / "bad.npy", "A", "s")


def test_missing_damaged_and_partial_files_are_named(tmp_path):
    with pytest.raises(UserError, match=r"cannot read features from .*no\.npy"):
        given_utterance(tmp_path / "no.npy", "A", "s")
    with (tmp_path / "f.npy").open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": (10**12, 3)})
        stream.write(bytes(12))
    with pytest.raises(
        UserError, match=r"cannot read features from .*f\.npy: .* takes 12000000000000 bytes, there are 12;"
    ):
        given_utterance(tmp_path / "f.npy", "A", "s")
    np.savez(tmp_path / "z.npz", a=noise(3))
    with pytest.raises(UserError, match=r"cannot read features from .*z\.npy: .*no header of an array"):
        given_utterance((tmp_path / "z.npz").rename(tmp_path / "z.npy"), "A", "s")
    kaldiio.save_ark(str(tmp_path / "k.ark"), {"a": noise(9)})
    data = (tmp_path / "k.ark").read_bytes()
    for end in (2, 3, 6, 12, 15, 20, len(data) - 1):
        (tmp_path / "cut.ark").write_bytes(data[:end])
        with pytest.raises(UserError, match=r"cannot read features from .*cut\.ark"):
            given_utterance(f"{tmp_path}/cut.ark:2", "A", "s", id="a")
    with pytest.raises(UserError, match="is a range of frames"):
        given_utterance(f"{tmp_path}/k.ark:2[0:3]", "A", "s", id="a")
    write_mfc(tmp_path / "odd.mfc", noise(3, 5))
    with pytest.raises(UserError, match="15 values are no frames of 13"):
        given_utterance(tmp_path / "odd.mfc", "A", "s")
    assert given_utterance(tmp_path / "odd.mfc", "A", "s", sphinx_columns=5).duration == 0.03


def test_given_features_that_do_not_fit_the_configuration_are_named(tmp_path):
    [cut, *_], _ = mixed_cuts(tmp_path, 3)
    with pytest.raises(UserError, match=r"cut 'utt0' has 13 features per frame in .*feats\.ark, the configuration 40"):
        given_features(cut, config(40))
    with pytest.raises(UserError, match=r"cut 'utt0' lasts 0\.3 seconds, the 30 frames in .*feats\.ark 0\.60"):
        given_features(cut, config(frame_shift_seconds=0.02))
    [audio] = tone_cuts(tmp_path, 1)
    with pytest.raises(UserError, match="cut 'utt000' has no features given in place of audio"):
        FeatureExtractor(config())(audio)
    with pytest.raises(UserError, match=r"cut 'utt0' has features that others computed, in .*feats\.ark, and no audio"):
        FeatureExtractor(load_feature_config(CONF / "fbank.yaml"))(cut)
    (tmp_path / "feats.ark").unlink()
    with pytest.raises(UserError, match=r"cut 'utt0': cannot read features from .*feats\.ark: .*No such file"):
        given_features(cut, config())
    cut.custom["matrix"]["kind"] = "pickle"
    with pytest.raises(UserError, match=r"cut 'utt0': .* is of kind 'pickle'; allowed: kaldi, mfc, npy"):
        given_features(cut, config())
    del cut.custom["matrix"]["kind"]
    with pytest.raises(UserError, match=r"cut 'utt0': .*kind"):
        given_features(cut, config())


def test_cuts_come_back_from_a_manifest_and_go_through_lhotses_sampler(tmp_path):
    cuts, matrices = mixed_cuts(tmp_path)
    counts = write_manifest(cuts, tmp_path / "m.jsonl.gz")
    assert counts.seconds == pytest.approx(sum(map(len, matrices)) / 100)
    again = list(read_manifest(tmp_path / "m.jsonl.gz"))
    assert [cut.to_dict() for cut in again] == [cut.to_dict() for cut in cuts]
    for cut, matrix in zip(again, matrices, strict=True):
        assert np.array_equal(FeatureExtractor(config())(cut), matrix)
    sampler = DynamicBucketingSampler(read_manifest(tmp_path / "m.jsonl.gz"), max_duration=2, num_buckets=2)
    assert sorted(cut.id for batch in sampler for cut in batch) == sorted(cut.id for cut in cuts)


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_hold_given_features_normalised(tmp_path, workers):
    cuts, matrices = mixed_cuts(tmp_path)
    write_manifest(cuts, tmp_path / "m.jsonl.gz")
    (tmp_path / "conf.yaml").write_text(YAML.replace("WORKERS", str(workers)))
    settings = load_config(tmp_path / "conf.yaml")
    dataset = TrainingBatches(tmp_path / "m.jsonl.gz", settings, epoch=1, samples=True)
    batches = [
        *load(dataset, range(len(dataset)), workers, pin=False),
        *inference_batches(tmp_path / "m.jsonl.gz", settings.features, max_seconds=2),
    ]
    found = [each for b in batches for each in zip(b.ids, b.features_BTF, b.lengths_B, strict=True)]
    assert len(found) == 2 * len(cuts)
    for name, matrix, length in found:
        expected = matrices[int(name[3:])]
        assert length == len(expected)
        assert torch.allclose(matrix[:length].std(dim=0, unbiased=False), torch.ones(13), atol=1e-3)


def test_a_training_runs_on_given_features(tmp_path):
    from pyspeech.lang.tokens import CharacterTokens
    from pyspeech.training.experiment import Sources, run

    cuts, _ = mixed_cuts(tmp_path / "f")
    write_manifest(cuts, tmp_path / "train.jsonl.gz")
    write_manifest(cuts[:3], tmp_path / "dev.jsonl.gz")
    CharacterTokens.from_words(" ".join(WORDS).split()).save(tmp_path / "lang")
    (tmp_path / "conf.yaml").write_text(YAML.replace("WORKERS", "0"))
    sources = Sources(tmp_path / "train.jsonl.gz", tmp_path / "dev.jsonl.gz", tmp_path / "lang")
    assert run(load_config(tmp_path / "conf.yaml"), tmp_path / "exp", sources, "cpu")
    assert (tmp_path / "exp" / "model.safetensors").exists()
    assert yaml.safe_load((tmp_path / "exp" / "config.yaml").read_text())["features"]["num_given"] == 13


def test_the_feature_stage_reads_every_matrix_and_passes_the_manifest_on(tmp_path):
    cuts, _ = mixed_cuts(tmp_path)
    write_manifest(cuts, tmp_path / "m.jsonl.gz")
    counts = store_features(tmp_path / "m.jsonl.gz", tmp_path / "out" / "m.jsonl.gz", config())
    assert counts.utterances == len(cuts)
    passed = read_manifest(tmp_path / "out" / "m.jsonl.gz")
    assert [cut.to_dict() for cut in passed] == [cut.to_dict() for cut in cuts]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["m.jsonl.gz"]
    (tmp_path / "utt1.npy").write_bytes(b"")
    with pytest.raises(UserError, match=r"cut 'utt1': cannot read features from .*utt1\.npy"):
        store_features(tmp_path / "m.jsonl.gz", tmp_path / "again" / "m.jsonl.gz", config())
    assert not list(tmp_path.glob("again/*"))
    with pytest.raises(UserError, match=r"given features cannot be stored at the speeds \[0\.9, 1\.0\]"):
        store_features(tmp_path / "m.jsonl.gz", tmp_path / "again" / "m.jsonl.gz", config(), speeds=(0.9, 1.0))


def test_a_section_of_given_features_needs_their_width():
    values = GIVEN.model_dump()
    assert check_config(FeatureConfig, values, "x").num_features == 40
    with pytest.raises(UserError, match="x: num_given None with type given"):
        check_config(FeatureConfig, {**values, "num_given": None}, "x")


def forged_npy(header, version=b"\1\0"):
    text = header.encode().ljust(118) + b"\n"
    return b"\x93NUMPY" + version + len(text).to_bytes(2 if version == b"\1\0" else 4, "little") + text + bytes(64)


FORGED = {
    "terabyte.npy": forged_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 13)}"),
    "version-2.npy": forged_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 13)}", b"\2\0"),
    "nothing.npy": forged_npy("{'descr': '|S0', 'fortran_order': False, 'shape': (1152921504606846976, 13)}"),
    "negative.npy": forged_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 13)}"),
    "objects.npy": forged_npy("{'descr': '|O', 'fortran_order': False, 'shape': (2, 2)}"),
    "nested.npy": forged_npy("(" * 100),
    "large.ark": b"\0BFM \4" + (2**31 - 1).to_bytes(4, "little") + b"\4" + (2**31 - 1).to_bytes(4, "little"),
    "double.ark": b"\0BDM \4" + (2**31 - 1).to_bytes(4, "little") + b"\4" + (2**31 - 1).to_bytes(4, "little"),
    "negative.ark": b"\0BFM \4" + (-5 & 0xFFFFFFFF).to_bytes(4, "little") + b"\4" + (7).to_bytes(4, "little"),
    "compressed.ark": b"\0BCM " + bytes(8) + (2**31 - 1).to_bytes(4, "little") * 2,
    "compressed-2.ark": b"\0BCM2 " + bytes(8) + (2**31 - 1).to_bytes(4, "little") * 2,
    "token.ark": b"\0B" + b"F" * 100,
    "large.mfc": (2**31 - 1).to_bytes(4, "little") + bytes(52),
}


@pytest.mark.parametrize("name", FORGED)
def test_what_promises_more_than_there_is_takes_no_memory(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(FORGED[name])
    tracemalloc.start()
    with pytest.raises(UserError, match=rf"{re.escape(name)}") as caught:
        read_matrix(MatrixFile(path.suffix[1:].replace("ark", "kaldi"), str(path), 0, 13))
    assert tracemalloc.get_traced_memory()[1] < 5 << 20
    tracemalloc.stop()
    assert "\n" not in str(caught.value)


def test_a_pipe_in_place_of_features_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.npy")
    with pytest.raises(UserError, match=r"cannot read features from .*a\.npy: it is no file"):
        read_matrix(MatrixFile("npy", str(tmp_path / "a.npy"), 0, 0))
