from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import torchaudio.compliance.kaldi
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tones import RATE, tone_cuts, write_tones

from pyspeech.config import FeatureConfig, load_config, load_feature_config
from pyspeech.data.audio_files import CannotRead
from pyspeech.data.corpus import utterance
from pyspeech.data.features import FeatureExtractor, at_speed, load_audio, normalise, store_features
from pyspeech.data.manifests import read_manifest, write_manifest
from pyspeech.data.preparation import Preparation
from pyspeech.errors import UserError
from pyspeech.tasks.inspection import inspect
from pyspeech.validation.kinds import TOO_SHORT
from pyspeech.validation.run import Sources, validate
from tests.experiments import YAML

SHARED = load_feature_config(Path(__file__).parents[2] / "conf" / "fbank.yaml")
LILCOM_STEP = 2.0**-5  # stored features are multiples of it


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
    settings = config(type="mfcc", num_ceps=13)
    assert FeatureExtractor(settings)(cut).shape[1] == settings.num_features == 13


def test_audio_of_another_rate_is_resampled(tmp_path):
    cut = utterance(write_tones(tmp_path / "a.wav", ["LOW"]), "LOW", "a")
    matrix = FeatureExtractor(config(sampling_rate=2 * RATE))(cut)
    assert len(matrix) == pytest.approx(cut.duration * 100, abs=1)


def test_stored_features_equal_those_computed_on_the_fly(tmp_path):
    write_manifest(tone_cuts(tmp_path / "audio", 3), tmp_path / "m.jsonl.gz")
    store_features(tmp_path / "m.jsonl.gz", tmp_path / "fbank" / "m.jsonl.gz", config())
    extractor = FeatureExtractor(config())
    for plain, stored in zip(
        read_manifest(tmp_path / "m.jsonl.gz"), read_manifest(tmp_path / "fbank" / "m.jsonl.gz"), strict=True
    ):
        assert stored.has_features
        assert np.abs(extractor(plain) - extractor(stored)).max() <= LILCOM_STEP


def test_features_stored_with_other_settings_are_refused(tmp_path):
    write_manifest(tone_cuts(tmp_path / "audio", 1), tmp_path / "m.jsonl.gz")
    store_features(tmp_path / "m.jsonl.gz", tmp_path / "fbank" / "m.jsonl.gz", config())
    cut = next(iter(read_manifest(tmp_path / "fbank" / "m.jsonl.gz")))
    with pytest.raises(UserError, match="'utt000' has features made with other settings"):
        FeatureExtractor(config(low_hz=60))(cut)
    FeatureExtractor(config(normalise="mean"))(cut)


def test_every_utterance_is_stored_once_at_each_speed(tmp_path):
    write_manifest(tone_cuts(tmp_path / "audio", 2), tmp_path / "m.jsonl.gz")
    counts = store_features(tmp_path / "m.jsonl.gz", tmp_path / "fbank" / "m.jsonl.gz", config(), speeds=(0.9, 1.0))
    assert counts.utterances == 4
    ids = [cut.id for cut in read_manifest(tmp_path / "fbank" / "m.jsonl.gz")]
    assert ids == ["utt000_sp0.9", "utt001_sp0.9", "utt000", "utt001"]


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


def test_a_damaged_archive_or_manifest_is_one_error(tmp_path):
    write_manifest(tone_cuts(tmp_path, 3), tmp_path / "in.jsonl.gz")
    store_features(tmp_path / "in.jsonl.gz", tmp_path / "out.jsonl.gz", config())
    archive = tmp_path / "out.lca"
    archive.write_bytes(archive.read_bytes()[:-100])
    *_, last = read_manifest(tmp_path / "out.jsonl.gz")
    with pytest.raises(UserError, match=r"cannot read the features of cut 'utt002' from .*out\.lca: .*feature stage"):
        FeatureExtractor(config())(last)
    manifest = tmp_path / "in.jsonl.gz"
    manifest.write_bytes(manifest.read_bytes()[:-30])
    with pytest.raises(UserError, match=r"in\.jsonl\.gz cannot be read after line"):
        store_features(manifest, tmp_path / "again.jsonl.gz", config())
    assert not list(tmp_path.glob("*again*"))


def test_a_cut_without_audio_and_features_is_named(tmp_path):
    [cut] = tone_cuts(tmp_path, 1)
    cut.recording = None
    with pytest.raises(UserError, match="cut 'utt000' has neither stored features nor a recording"):
        FeatureExtractor(config())(cut)


def test_audio_cut_short_after_its_manifest_was_written_is_named_and_nothing_is_left(tmp_path):
    write_manifest(tone_cuts(tmp_path / "audio", 2), tmp_path / "m.jsonl.gz")
    path = tmp_path / "audio" / "utt001.wav"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(UserError, match=r"cannot read the audio of cut 'utt001' from .*utt001\.wav"):
        store_features(tmp_path / "m.jsonl.gz", tmp_path / "fbank" / "m.jsonl.gz", config())
    assert not list(tmp_path.glob("fbank/*"))


@given(hnp.arrays(np.float32, st.tuples(st.integers(1, 9), st.integers(1, 4)), elements=st.floats(-50, 50, width=32)))
def test_normalised_features_have_mean_zero_and_at_most_deviation_one(matrix):
    normal = normalise(matrix, "mean-variance")
    assert np.abs(normal.mean(axis=0)).max() < 0.02
    assert normal.std(axis=0).max() < 1.01
    assert np.abs(normalise(matrix, "mean").mean(axis=0)).max() < 1e-3
    assert normalise(matrix, "none") is matrix


def test_want_of_memory_is_no_fault_of_the_audio(tmp_path):
    resource = pytest.importorskip("resource")
    samples = 60_000_000
    soundfile.write(tmp_path / "long.flac", np.zeros(samples, np.int16), 8000)
    cut = utterance(tmp_path / "long.flac", "", "")
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2 * samples, before[1]))
    try:
        with pytest.raises(MemoryError):
            load_audio(cut, 8000)
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
    found = validate(Sources((tmp_path / "train.jsonl",))).found
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
