import json

import numpy as np
import pytest
import soundfile

from pyspeech.corpora.corpus import utterance
from pyspeech.entries import read_entry
from pyspeech.validation.audio import check_audio, covers
from pyspeech.validation.faults import DURATION_DIFFERS, MISSING_AUDIO, MISSING_FEATURES, NO_CHANNEL, RATE_DIFFERS
from pyspeech.validation.headers import read_headers
from tests.tones import tone_cuts
from tests.validation.planted import FEATURES, streamed_flac


@pytest.fixture(scope="module")
def cut(tmp_path_factory):
    return tone_cuts(tmp_path_factory.mktemp("audio"), 1)[0]


def kinds_of(cut, **changes):
    values = {**json.loads(json.dumps(cut.to_dict())), **changes}
    entry = read_entry(values, 0, 1)
    return [finding.kind for finding in check_audio(entry, read_headers([entry.audio.path]))]


@pytest.mark.parametrize("speed", [0.5, 0.9, 1.0, 1.1, 3.0])
@pytest.mark.parametrize("rate", [4000, 8000, 16000, 44100])
def test_whatever_lhotse_makes_of_a_recording_agrees_with_its_file(cut, speed, rate):
    for made in (cut.resample(rate).perturb_speed(speed), cut.perturb_tempo(speed), cut.perturb_volume(speed)):
        assert kinds_of(made) == []
        assert kinds_of(made.truncate(offset=0.05, duration=0.05).drop_supervisions()) == []


def test_times_and_rates_that_are_not_the_files_are_told_apart(cut):
    recording = cut.recording.to_dict()
    assert kinds_of(cut, duration=cut.duration + 0.02) == []
    assert kinds_of(cut, duration=cut.duration + 0.04) == [DURATION_DIFFERS]
    assert kinds_of(cut, start=-0.1) == [DURATION_DIFFERS]
    assert kinds_of(cut, recording={**recording, "num_samples": 10}) == [DURATION_DIFFERS]
    assert kinds_of(cut, recording={**recording, "sampling_rate": 16000}) == [RATE_DIFFERS]


def test_stored_features_serve_without_audio(cut, tmp_path):
    gone = [{"type": "file", "channels": [0], "source": str(tmp_path / "gone.wav")}]
    recording = {**cut.recording.to_dict(), "sources": gone}
    assert kinds_of(cut, recording=recording) == [MISSING_AUDIO]
    archive = tmp_path / "a.lca"
    stored = {"storage_type": "lilcom_chunky", "storage_path": str(archive), "storage_key": "2,3,4"}
    features = FEATURES | stored
    assert kinds_of(cut, recording=recording, features=features) == [MISSING_FEATURES]
    archive.write_bytes(b"8 bytes.")
    assert kinds_of(cut, recording=recording, features=features) == [MISSING_FEATURES]
    archive.write_bytes(b"9 bytes..")
    assert kinds_of(cut, recording=recording, features=features) == []


def test_a_length_that_the_file_does_not_say_is_counted(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, np.zeros(4000), 8000)
    cut = utterance(path, "A", "")
    streamed_flac(path, 4000)
    assert kinds_of(cut) == []
    streamed_flac(path, 3000)
    assert kinds_of(cut) == [DURATION_DIFFERS]
    streamed_flac(path, 4000)
    assert kinds_of(cut, channel=1) == [NO_CHANNEL]


def test_a_breath_around_the_words_is_covered_and_a_sentence_is_not():
    assert covers((0.0, 2.0), 2.0)
    assert covers((0.9, 1.2), 2.0)
    assert covers((-0.02, 2.02), 2.0)
    assert not covers((1.1, 2.0), 2.0)
    assert not covers((0.0, 2.1), 2.0)
