from pathlib import Path

import numpy as np
import pytest
from tones import RATE, tone_cuts, tone_manifest

from pyspeech.config import load_feature_config
from pyspeech.data.features import at_speed
from pyspeech.data.manifests import write_manifest
from pyspeech.data.speaker_index import read_speaker_index
from pyspeech.data.stored_features import store_features
from pyspeech.errors import UserError


def test_every_utterance_is_found_with_its_speaker_and_can_be_read(tmp_path):
    cuts = tone_cuts(tmp_path / "audio", 9)
    for number, cut in enumerate(cuts):
        cut.supervisions[0].speaker = "bab cab b"[number]
    write_manifest(cuts, tmp_path / "m.jsonl.gz")
    index = read_speaker_index(tmp_path / "m.jsonl.gz", 0.0)
    assert index.speakers == ("b", "a", " ", "c")
    found = {
        speaker: [index.cut(number) for number in index.of_speaker(order)]
        for order, speaker in enumerate(index.speakers)
    }
    for speaker, its in found.items():
        expected = [cut for cut in cuts if cut.supervisions[0].speaker == speaker]
        assert [cut.id for cut in its] == [cut.id for cut in expected]
        for left, right in zip(its, expected, strict=True):
            assert np.array_equal(left.load_audio(), right.load_audio())
    assert index.seconds == pytest.approx([cut.duration for cut in cuts])


def test_features_that_are_stored_play_no_part_in_a_crop(tmp_path):
    config = load_feature_config(Path(__file__).parents[2] / "conf" / "fbank.yaml").model_copy(
        update={"sampling_rate": RATE, "high_hz": 0.0}
    )
    store_features(tone_manifest(tmp_path / "m.jsonl.gz", 3), tmp_path / "fbank.jsonl.gz", config)
    cut = read_speaker_index(tmp_path / "fbank.jsonl.gz", 0.0).cut(0)
    assert cut.has_recording
    assert not cut.has_features
    assert not cut.supervisions


def test_short_utterances_are_left_out_and_a_speaker_with_none_is_none(tmp_path):
    cuts = tone_cuts(tmp_path / "audio", 12)
    shortest = sorted(cut.duration for cut in cuts)[6]
    for cut in cuts:
        cut.supervisions[0].speaker = cut.id if cut.duration >= shortest else "short"
    write_manifest(cuts, tmp_path / "m.jsonl.gz")
    index = read_speaker_index(tmp_path / "m.jsonl.gz", shortest)
    assert set(index.speakers) == {cut.id for cut in cuts if cut.duration >= shortest}
    assert index.seconds.min() >= shortest


def test_a_manifest_that_was_written_again_is_read_again(tmp_path):
    path = tmp_path / "m.jsonl.gz"
    cuts = tone_cuts(tmp_path / "audio", 8)
    write_manifest(cuts, path)
    assert len(read_speaker_index(path, 0.0).utterances) == 8
    write_manifest(cuts[:5], path)
    assert len(read_speaker_index(path, 0.0).utterances) == 5


def test_what_cannot_be_cropped_or_learnt_is_named(tmp_path):
    path = tmp_path / "m.jsonl.gz"
    with pytest.raises(UserError, match="no manifest at"):
        read_speaker_index(path, 0.0)
    cuts = tone_cuts(tmp_path / "audio", 3)
    silent = cuts[2].with_id("x")
    silent.recording = None
    for wrong, message in (
        (silent, "no recording with a duration; crops need audio"),
        (at_speed(cuts[2], 1.1), "its speed is changed already"),
        (cuts[2].drop_supervisions(), "expected one supervision that names the speaker"),
    ):
        write_manifest([*cuts[:2], wrong], path)
        with pytest.raises(UserError, match=f"m.jsonl.gz, cut '{wrong.id}': {message}"):
            read_speaker_index(path, 0.0)
    cuts[1].supervisions[0].speaker = None
    write_manifest(cuts, path)
    with pytest.raises(UserError, match=r"m\.jsonl\.gz, cut 'utt001': expected one supervision that names the speaker"):
        read_speaker_index(path, 0.0)


def test_one_speaker_is_not_enough(tmp_path):
    cuts = tone_cuts(tmp_path / "audio", 3)
    write_manifest(cuts[:1], tmp_path / "m.jsonl.gz")
    with pytest.raises(UserError, match="holds 1 speakers with utterances of 0 seconds or more, two are needed"):
        read_speaker_index(tmp_path / "m.jsonl.gz", 0.0)
