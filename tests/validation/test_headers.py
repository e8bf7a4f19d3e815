import numpy as np
import pytest
import soundfile

from pyspeech.data.audio_reading import Header
from pyspeech.validation.faults import EMPTY_AUDIO, MISSING_AUDIO, SHORT_FILE, UNREADABLE_AUDIO, Finding
from pyspeech.validation.headers import CHUNK, in_threads, read_header, read_headers
from tests.tones import write_tones
from tests.validation.planted import streamed_flac


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3"])
def test_a_header_tells_rate_samples_and_channels(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    soundfile.write(path, np.zeros((4321, 2)), 16000)
    assert read_header(str(path)) == Header(16000, 4321, 2)


def test_what_has_no_header_says_why(tmp_path):
    (tmp_path / "page.wav").write_text("<html>")
    (tmp_path / "bytes.flac").write_bytes(b"")
    short = write_tones(tmp_path / "short.wav", ["LOW"])
    short.write_bytes(short.read_bytes()[:1000])
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 8000)
    expected = {
        "page.wav": UNREADABLE_AUDIO,
        "bytes.flac": UNREADABLE_AUDIO,
        "short.wav": SHORT_FILE,
        "empty.wav": EMPTY_AUDIO,
        "nowhere.wav": MISSING_AUDIO,
        "page.wav/below.wav": MISSING_AUDIO,
        "a\0b.wav": MISSING_AUDIO,
        ".": UNREADABLE_AUDIO,
    }
    found = read_headers([str(tmp_path / name) for name in expected])
    assert [finding.kind for finding in found.values()] == list(expected.values())


def test_what_libsndfile_does_not_read_is_unreadable(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(800))
    assert read_header(str(tmp_path / "a.npy")) == Finding(UNREADABLE_AUDIO, str(tmp_path / "a.npy"))


def test_a_flac_file_that_was_streamed_is_counted(tmp_path):
    assert read_header(str(streamed_flac(tmp_path / "a.flac", 4000))) == Header(8000, 4000, 1)


def test_many_are_read_in_their_order():
    items = list(range(3 * CHUNK + 1))
    assert list(in_threads(lambda item: -item, items, "counting", " items")) == [-item for item in items]
    assert list(in_threads(lambda item: -item, [], "counting", " items")) == []
