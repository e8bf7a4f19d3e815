import numpy as np
import pytest
import soundfile
from tones import RATE, tone_cuts

from pyspeech.corpora.corpus import recording_of
from pyspeech.data.audio_files import NOT_READ, CannotRead
from pyspeech.data.features import load_audio
from pyspeech.validation.faults import UNREADABLE_AUDIO
from pyspeech.validation.headers import read_header


def promising(path, num_samples):
    """A FLAC file that is said to hold so many samples (RFC 9639, section 8.2)."""
    soundfile.write(path, np.zeros(RATE), RATE)
    content = bytearray(path.read_bytes())
    content[21] = content[21] & 0xF0 | num_samples >> 32
    content[22:26] = (num_samples & 0xFFFFFFFF).to_bytes(4, "big")
    path.write_bytes(content)
    return path


def test_more_samples_than_a_file_can_hold_are_refused_before_there_is_memory_for_them(tmp_path):
    path = promising(tmp_path / "a.flac", 2**36 - 1)
    message = r"a\.flac: 68719476735 samples are promised, in \d+ bytes; "
    with pytest.raises(CannotRead, match=message):
        recording_of(path)
    found = read_header(str(path))
    assert found.kind is UNREADABLE_AUDIO
    [cut] = tone_cuts(tmp_path, 1)
    cut.recording.sources[0].source = str(path)
    cut.recording.num_samples = 2**36 - 1
    with pytest.raises(CannotRead, match=f"cut 'utt000'.*{message}"):
        load_audio(cut, RATE)


def test_silence_that_takes_next_to_no_bytes_is_audio(tmp_path):
    path = tmp_path / "hour.flac"
    soundfile.write(path, np.zeros(3600 * RATE, np.int16), RATE, subtype="PCM_16")
    assert recording_of(path).num_samples == 3600 * RATE


@pytest.mark.parametrize("rate", [1, 10**9])
def test_a_sampling_rate_that_no_audio_has_is_refused(tmp_path, rate):
    soundfile.write(tmp_path / "a.wav", np.zeros(100), rate)
    with pytest.raises(CannotRead, match=rf"a\.wav: {rate} samples a second"):
        recording_of(tmp_path / "a.wav")
    assert read_header(str(tmp_path / "a.wav")).kind is UNREADABLE_AUDIO


@pytest.mark.parametrize("suffix", NOT_READ)
def test_a_kind_of_audio_that_is_not_read_is_named(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"\0\0\0\x20ftypM4A " + bytes(100))
    message = rf"a\{suffix} is there, but {suffix[1:]} is not read; convert it: ffmpeg -i a\{suffix} a\.flac"
    with pytest.raises(CannotRead, match=message):
        recording_of(path)


@pytest.mark.parametrize("name", ["a\0b.wav", "a" * 300 + ".wav", "."])
def test_a_name_that_no_audio_file_can_have_is_named(tmp_path, name):
    with pytest.raises(CannotRead, match="cannot read "):
        recording_of(tmp_path / name)
