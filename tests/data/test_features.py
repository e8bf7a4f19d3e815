import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import torchaudio.compliance.kaldi
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from lhotse import Fbank, FbankConfig, Mfcc, MfccConfig, MonoCut, Recording
from tones import RATE, tone_cuts, write_tones

from pyspeech.config import FeatureConfig, load_config, load_feature_config
from pyspeech.corpora.corpus import utterance
from pyspeech.data.audio_files import CannotRead
from pyspeech.data.features import PIECE_SECONDS, FeatureExtractor, at_speed, load_audio, normalise
from pyspeech.data.manifests import write_manifest
from pyspeech.data.preparation import Preparation
from pyspeech.data.stored_features import store_features
from pyspeech.errors import UserError
from pyspeech.files import digest
from pyspeech.inference.inspection import inspect
from pyspeech.validation.faults import TOO_SHORT
from pyspeech.validation.run import Sources, validate
from tests.experiments import YAML

SHARED = load_feature_config(Path(__file__).parents[2] / "conf" / "fbank.yaml")


def config(**changes: object) -> FeatureConfig:
    return SHARED.model_copy(update={"sampling_rate": RATE, "num_mel_bins": 40, "normalise": "none", **changes})


def test_fbank_equals_torchaudios_kaldi_features(tmp_path):
    cut = utterance(write_tones(tmp_path / "a.wav", ["LOW", "HIGH"]), "LOW HIGH", "a")
    found = FeatureExtractor(config())(cut)
    expected = torchaudio.compliance.kaldi.fbank(
        torch.from_numpy(cut.load_audio()),
        sample_frequency=RATE,
        num_mel_bins=40,
        dither=0.0,
        high_freq=-400.0,
        snip_edges=False,
    )
    assert found.shape == (cut.num_samples // 80 + 1, 40) or found.shape == (round(cut.num_samples / 80), 40)
    # The first and last frames differ in how the edge is padded.
    assert np.abs(found[2:-2] - expected.numpy()[2 : len(found) - 2]).max() < 0.02


def test_mfcc_has_as_many_values_as_asked(tmp_path):
    cut = utterance(write_tones(tmp_path / "a.wav", ["LOW"]), "LOW", "a")
    mfcc = config(type="mfcc", num_ceps=13)
    assert FeatureExtractor(mfcc)(cut).shape[1] == mfcc.num_features == 13


def test_audio_of_another_rate_is_resampled(tmp_path):
    cut = utterance(write_tones(tmp_path / "a.wav", ["LOW"]), "LOW", "a")
    matrix = FeatureExtractor(config(sampling_rate=2 * RATE))(cut)
    assert len(matrix) == pytest.approx(cut.duration * 100, abs=1)


def test_a_faster_cut_is_shorter_and_says_the_same(tmp_path):
    cut = tone_cuts(tmp_path, 1)[0]
    fast = at_speed(cut, 1.1)
    assert fast.duration == pytest.approx(cut.duration / 1.1, abs=0.01)
    assert fast.supervisions[0].text == cut.supervisions[0].text


def test_dithered_features_are_the_same_every_time(tmp_path):
    [cut] = tone_cuts(tmp_path, 1)
    extractor = FeatureExtractor(config(dither=1.0))
    first = extractor(cut)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    assert np.array_equal(first, extractor(cut))
    assert torch.equal(torch.get_rng_state(), before)
    assert not np.array_equal(first, FeatureExtractor(config(dither=0.0))(cut))


@pytest.mark.parametrize("dither", [0.0, 1.0])
def test_features_of_samples_are_those_of_their_cut(tmp_path, dither):
    [cut] = tone_cuts(tmp_path, 1)
    extractor = FeatureExtractor(config(dither=dither, normalise="mean-variance"))
    samples = cut.load_audio()[0]
    assert np.array_equal(extractor.from_samples(samples, cut.id), extractor.compute(cut))
    assert np.array_equal(extractor.normalised(samples, cut.id), extractor(cut))
    assert np.array_equal(extractor.from_samples(samples, "other"), extractor.compute(cut)) == (not dither)


def test_a_cut_without_audio_and_features_is_named(tmp_path):
    [cut] = tone_cuts(tmp_path, 1)
    cut.recording = None
    with pytest.raises(UserError, match="cut 'utt000' has neither stored features nor a recording"):
        FeatureExtractor(config())(cut)


def at_once(these: FeatureConfig, samples: np.ndarray, name: str) -> np.ndarray:
    """What lhotse makes of all samples at once, dither and all."""
    kind, kind_config = (Mfcc, MfccConfig) if these.type == "mfcc" else (Fbank, FbankConfig)
    ours = {"num_ceps": these.num_ceps} if these.type == "mfcc" else {}
    extractor = kind(
        kind_config(
            sampling_rate=these.sampling_rate,
            frame_length=these.frame_length_seconds,
            frame_shift=these.frame_shift_seconds,
            num_filters=these.num_mel_bins,
            low_freq=these.low_hz,
            high_freq=these.high_hz,
            dither=these.dither,
            **ours,
        )
    )
    with torch.random.fork_rng():
        torch.manual_seed(int(digest(name), 16) % 2**63)
        return extractor.extract(samples, these.sampling_rate)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 3 * PIECE_SECONDS * 1000),
    st.sampled_from(["fbank", "mfcc"]),
    st.sampled_from([0.0, 0.01, 1.0]),
    st.sampled_from([0.01, 0.0125, 0.025]),
    st.integers(0, 2**32 - 1),
)
def test_long_audio_in_pieces_has_the_features_of_all_at_once(more, kind, dither, shift, seed):
    these = config(
        type=kind, dither=dither, frame_shift_seconds=shift, sampling_rate=1000, num_mel_bins=8, num_ceps=5, high_hz=0
    )
    samples = np.random.default_rng(seed).normal(0, 0.1, 25 + more).astype(np.float32)
    found = FeatureExtractor(these).from_samples(samples, "name")
    expected = at_once(these, samples, "name")
    assert found.shape == expected.shape
    # Sums over frequencies may be rounded in another order where a matrix has other rows beside; nothing else differs.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize("dither", [0.0, 1.0])
@pytest.mark.parametrize("ending", ["wav", "flac", "ogg"])
def test_long_audio_read_in_pieces_is_the_same_to_the_bit(tmp_path, ending, dither):
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, (int(3.5 * PIECE_SECONDS * RATE), 2)).astype(np.float32)
    soundfile.write(tmp_path / f"long.{ending}", samples, RATE)
    whole = Recording.from_file(tmp_path / f"long.{ending}")
    extractor = FeatureExtractor(config(dither=dither, frame_shift_seconds=0.02))
    # From its beginning, from the middle of a sample on, and beyond the end by less than a header may promise too much.
    for start, duration in ((0.0, whole.duration), (1.5 + 0.5 / RATE, 40.0), (5.0, whole.duration - 4.99)):
        cut = MonoCut("long", start, duration, 1, recording=whole)
        assert np.array_equal(extractor.compute(cut), extractor.from_samples(load_audio(cut, RATE)[0], "long"))


def test_a_file_longer_or_shorter_than_its_manifest_says_is_refused_however_long(tmp_path):
    seconds = 3 * PIECE_SECONDS
    for found in (seconds - 1, seconds + 1):
        soundfile.write(tmp_path / "long.wav", np.zeros(seconds * RATE), RATE)
        cut = utterance(tmp_path / "long.wav", "", "")
        soundfile.write(tmp_path / "long.wav", np.zeros(found * RATE), RATE)
        with pytest.raises(UserError, match=r"cannot read the audio of cut 'long' from .*long\.wav"):
            FeatureExtractor(config())(cut)


PEAK = """
import resource, sys
from pathlib import Path
import numpy as np
from pyspeech.config import FeatureConfig
from pyspeech.corpora.corpus import utterance
from pyspeech.data.features import FeatureExtractor

extractor = FeatureExtractor(FeatureConfig.model_validate_json(sys.argv[1]))
peaks = []
for path in sys.argv[2:]:
    extractor.compute(utterance(Path(path), "", ""))
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(peaks[1] - peaks[0])
"""


def test_memory_grows_with_the_features_alone(tmp_path):
    minutes = 30
    soundfile.write(tmp_path / "short.wav", np.zeros(60 * RATE, np.int16), RATE)
    soundfile.write(tmp_path / "long.wav", np.zeros(minutes * 60 * RATE, np.int16), RATE)
    program = [sys.executable, "-c", PEAK, config().model_dump_json(), tmp_path / "short.wav", tmp_path / "long.wav"]
    grown = int(subprocess.run(list(map(str, program)), capture_output=True, text=True, check=True).stdout)  # KiB
    features = minutes * 60 * 100 * 40 * 4 / 1024
    assert grown < features + 40_000  # the samples would be 56,000, all frames at once 300,000


@given(hnp.arrays(np.float32, st.tuples(st.integers(1, 9), st.integers(1, 4)), elements=st.floats(-50, 50, width=32)))
def test_normalised_features_have_mean_zero_and_at_most_deviation_one(matrix):
    normal = normalise(matrix, "mean-variance")
    assert np.abs(normal.mean(axis=0)).max() < 0.02
    assert normal.std(axis=0).max() < 1.01
    assert np.abs(normalise(matrix, "mean").mean(axis=0)).max() < 1e-3
    assert normalise(matrix, "none") is matrix


def test_want_of_memory_is_no_fault_of_the_audio(tmp_path):
    samples = 60_000_000
    soundfile.write(tmp_path / "long.flac", np.zeros(samples, np.int16), 8000)
    cut = utterance(tmp_path / "long.flac", "", "")
    with pytest.raises(MemoryError), _address_space(2 * samples):
        load_audio(cut, 8000)


def test_a_file_whose_header_promises_more_than_it_can_hold_is_named(tmp_path):
    soundfile.write(tmp_path / "a.flac", np.zeros(8000, np.int16), 8000)
    cut = utterance(tmp_path / "a.flac", "", "")
    content = bytearray((tmp_path / "a.flac").read_bytes())
    # The last 36 of these bits are the samples of all (RFC 9639, 8.2).
    content[21:26] = (int.from_bytes(content[21:26], "big") | ((1 << 36) - 1)).to_bytes(5, "big")
    (tmp_path / "a.flac").write_bytes(content)
    with pytest.raises(CannotRead, match=r"a\.flac: 68719476735 samples are promised"), _address_space(1 << 30):
        load_audio(cut, 8000)


@contextmanager
def _address_space(more):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.parametrize("samples", [1, 40, 63, 199])
def test_a_cut_shorter_than_one_window_is_named_everywhere(tmp_path, samples):
    path = write_tones(tmp_path / "click.wav", ["LOW"])
    soundfile.write(path, soundfile.read(path)[0][:samples], RATE)
    cut = utterance(path, "LOW", "s")
    write_manifest([cut], tmp_path / "train.jsonl")
    extractor = FeatureExtractor(config())
    message = f"cut 'click' lasts {samples / 8:g} ms, less than one window of 25 ms; leave it out"
    for attempt in (
        lambda: extractor(cut),
        lambda: extractor.for_layer(load_audio(cut, RATE)[0], cut.id),
        lambda: store_features(tmp_path / "train.jsonl", tmp_path / "out" / "train.jsonl", extractor.config),
        lambda: list(inspect(tmp_path / "train.jsonl", ["click"], None, None)),
    ):
        with pytest.raises(CannotRead, match=message):
            attempt()
    found = validate(Sources((tmp_path / "train.jsonl",))).findings
    assert TOO_SHORT in [finding.kind for finding in found[0, 1]]


def test_a_cut_of_one_window_has_features(tmp_path):
    path = write_tones(tmp_path / "click.wav", ["LOW"])
    soundfile.write(path, soundfile.read(path)[0][:200], RATE)
    write_manifest([utterance(path, "LOW", "s")], tmp_path / "train.jsonl")
    assert len(FeatureExtractor(config())(utterance(path, "LOW", "s")))
    assert validate(Sources((tmp_path / "train.jsonl",))).faults == 0


def test_a_rate_that_only_a_huge_filter_could_change_is_named(tmp_path):
    soundfile.write(tmp_path / "odd.wav", 0.1 * np.random.default_rng(0).standard_normal(16001), 16001)
    cut = utterance(tmp_path / "odd.wav", "LOW", "s")
    with pytest.raises(CannotRead, match=r"cut 'odd' has 16001 samples a second, .* to become 16000 as they are read"):
        load_audio(cut, 16000)
    assert load_audio(cut, 16001).shape == (1, 16001)


def test_training_leaves_out_what_is_shorter_than_one_window(tmp_path):
    for samples_on_device in (False, True):
        preparation = Preparation(load_config(_conf(tmp_path)), samples_on_device)
        cuts = tone_cuts(tmp_path / "audio", 2)
        soundfile.write(tmp_path / "click.wav", np.full(40, 0.1), RATE)
        items = [*cuts, utterance(tmp_path / "click.wav", "LOW", "s")]
        batch = preparation.batch((cut, "", "", np.random.default_rng(0)) for cut in items)
        assert batch.ids == ("utt000", "utt001")
        assert [each.id for each in batch.unreadable] == ["click"]


def _conf(tmp_path):
    (tmp_path / "conf.yaml").write_text(YAML)
    return tmp_path / "conf.yaml"
