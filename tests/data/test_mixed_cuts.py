"""Cuts that are padded, appended or mixed with noise are read alike by everything that reads manifests."""

import numpy as np
import pytest
from lhotse import MultiCut, Recording

from pyspeech.config import load_config
from pyspeech.corpora.description.tally import describe_manifest
from pyspeech.corpora.resampled import Resampler
from pyspeech.data.batches import TrainingBatches, inference_batches
from pyspeech.data.cut_index import read_cut_index
from pyspeech.data.features import FeatureExtractor, load_audio
from pyspeech.data.manifests import check_manifest, read_manifest, recordings_of, write_manifest
from pyspeech.data.stored_features import store_features
from pyspeech.errors import UserError
from pyspeech.inference.inspection import inspect
from pyspeech.transcripts import read_transcripts
from pyspeech.validation.run import Sources, validate
from tests.experiments import YAML
from tests.tones import RATE, tone_cuts


@pytest.fixture
def cuts(tmp_path):
    padded, before, appended, mixed, noise = tone_cuts(tmp_path / "audio", 5)
    noise = noise.drop_supervisions()
    return [
        padded.pad(padded.duration + 0.3),
        before.pad(before.duration + 0.3, direction="left"),
        appended.append(noise),
        mixed.mix(noise, snr=12, offset_other_by=0.1),
    ]


@pytest.fixture
def manifest(tmp_path, cuts):
    for number, cut in enumerate(cuts):
        cut.id = f"mixed-{number}"
    write_manifest(cuts, tmp_path / "train.jsonl.gz")
    return tmp_path / "train.jsonl.gz"


@pytest.fixture
def config(tmp_path):
    (tmp_path / "conf.yaml").write_text(YAML)
    return load_config(tmp_path / "conf.yaml")


def test_they_are_written_and_read_back_with_the_audio_that_lhotse_mixes(cuts, manifest):
    again = list(read_manifest(manifest))
    assert again == cuts
    for cut in cuts:
        assert np.array_equal(load_audio(cut, RATE), cut.load_audio())
        assert load_audio(cut, 2 * RATE).shape == (1, round(cut.duration * 2 * RATE))


def test_all_readers_say_the_same_of_them(cuts, manifest):
    transcripts = list(read_transcripts(manifest))
    index = read_cut_index(manifest)
    described = describe_manifest(manifest)
    expected = [(cut.id, cut.supervisions[0].text, cut.supervisions[0].speaker, cut.duration) for cut in cuts]
    assert [(each.id, each.text, each.speaker, each.seconds) for each in transcripts] == expected
    assert index.seconds.tolist() == described.seconds.tolist() == [cut.duration for cut in cuts]
    assert check_manifest(manifest) == pytest.approx(sum(cut.duration for cut in cuts))
    assert [index.speakers[number] for number in index.rows["speaker"]] == [each[2] for each in expected]
    assert index.rows["has_recording"].all()
    assert [index.cut(number) for number in range(4)] == cuts
    validation = validate(Sources((manifest,), deep=True))
    assert (validation.faults, validation.unread) == (0, 0)


def test_they_are_trained_on_decoded_and_inspected(cuts, manifest, config):
    batches = TrainingBatches(manifest, config, epoch=1)
    trained = {id_ for number in range(len(batches)) for id_ in batches[number].ids}
    [inferred] = inference_batches(manifest, config.features, 60)
    assert trained == set(inferred.ids) == {cut.id for cut in cuts}
    [seen] = inspect(manifest, ["mixed-3"], None, None)
    assert seen.reference == cuts[3].supervisions[0].text


def test_their_features_are_stored_at_each_speed_and_serve_training(cuts, manifest, config, tmp_path):
    out = tmp_path / "features" / "train.jsonl.gz"
    assert store_features(manifest, out, config.features, (0.9, 1.0)).utterances == 8
    stored = {cut.id: cut for cut in read_manifest(out)}
    extractor = FeatureExtractor(config.features)
    for cut in cuts:
        assert np.abs(extractor(stored[cut.id]) - extractor(cut)).max() < 0.1  # lilcom rounds
        assert [each.text for each in stored[cut.id].supervisions] == [each.text for each in cut.supervisions]
    config = config.model_copy(update={"augment": config.augment.model_copy(update={"speeds": (0.9, 1.0)})})
    assert TrainingBatches(out, config, epoch=1).utterances == 8
    assert validate(Sources((out,), deep=True)).faults == 0


def test_their_recordings_are_resampled_once(cuts, manifest, tmp_path):
    Resampler(tmp_path / "out", 16000, 1).manifest(manifest)
    for before, after in zip(cuts, read_manifest(tmp_path / "out" / manifest.name), strict=True):
        assert (after.id, after.duration, after.sampling_rate) == (before.id, before.duration, 16000)
        assert {recording.sampling_rate for recording in recordings_of(after)} == {16000}
        assert load_audio(after, 16000).shape == (1, round(after.duration * 16000))
    assert validate(Sources((tmp_path / "out" / manifest.name,), deep=True)).faults == 0


def test_those_of_stored_features_are_read_from_their_audio(cuts, manifest, config, tmp_path):
    out = tmp_path / "features" / "train.jsonl.gz"
    plain = tone_cuts(tmp_path / "audio", 1)
    write_manifest(plain, tmp_path / "plain.jsonl.gz")
    store_features(tmp_path / "plain.jsonl.gz", out, config.features)
    [stored] = read_manifest(out)
    write_manifest([stored.pad(stored.duration + 0.3, pad_feat_value=0.0)], tmp_path / "padded.jsonl.gz")
    [padded] = read_manifest(tmp_path / "padded.jsonl.gz")
    extractor = FeatureExtractor(config.features)
    assert np.array_equal(extractor(padded), extractor(plain[0].pad(padded.duration)))


def test_several_channels_or_supervisions_are_refused_as_what_they_are(tmp_path, config):
    first, second = tone_cuts(tmp_path / "audio", 2)
    stereo = Recording.from_file(first.recording.sources[0].source)
    stereo.sources[0].channels, stereo.channel_ids = [0, 1], [0, 1]
    both = MultiCut("both", 0.0, stereo.duration, [0, 1], first.supervisions, recording=stereo)
    with pytest.raises(UserError, match=r"cut 'both' cannot be read: 2 channels \(MultiCut\).*to_mono"):
        write_manifest([both], tmp_path / "train.jsonl.gz")
    write_manifest([first.append(second)], tmp_path / "two.jsonl.gz")
    with pytest.raises(UserError, match="has 2 supervisions, one is needed"):
        next(inference_batches(tmp_path / "two.jsonl.gz", config.features, 60))
    with pytest.raises(UserError, match="expected one supervision per cut, found 2"):
        list(read_transcripts(tmp_path / "two.jsonl.gz"))
    assert validate(Sources((tmp_path / "two.jsonl.gz",))).faults == 1
