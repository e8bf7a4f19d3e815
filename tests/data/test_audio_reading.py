import io
import os
import struct
import threading

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.data.audio_files import CannotRead
from pyspeech.data.audio_reading import AudioFile, Header, read_header

RATE = 16000
LIST = b"LIST" + struct.pack("<I", 12) + b"INFOISFT" + bytes(4)


def speech(seconds=2.0, rate=RATE):
    """Noise that comes and goes, which takes frames of MP3 of many sizes."""
    samples = np.random.default_rng(1).standard_normal(round(seconds * rate))
    swell = np.repeat([0.3, 0.0, 0.001, 0.2], len(samples) // 4)
    return (samples[: len(swell)] * swell).astype(np.float32)


def decoded(path):
    with AudioFile(path) as audio:
        return audio.read()


def written(path, seconds=2.0, rate=RATE, **options):
    soundfile.write(path, speech(seconds, rate), rate, **options)
    return path


def mp3(path, rate=RATE, mode="VARIABLE", seconds=4.0):
    with soundfile.SoundFile(path, "w", rate, 1, "MPEG_LAYER_III", format="MP3", bitrate_mode=mode) as out:
        out.write(speech(seconds, rate))
    return path


def without_contents(content):
    """An MP3 without its first frame, which holds the table of contents."""
    return content[content.index(content[:2], 4) :]


def by_a_pipe(path):
    """Samples that libsndfile decodes of what it cannot know the length of."""
    reading_end, writing_end = os.pipe()

    def feed():
        with os.fdopen(writing_end, "wb") as stream:
            stream.write(path.read_bytes())

    feeder = threading.Thread(target=feed)
    feeder.start()
    count = 0
    with soundfile.SoundFile(reading_end) as audio:
        while block := len(audio.read(4096)):
            count += block
    feeder.join()
    return count


@pytest.mark.parametrize("rate", [16000, 22050, 32000, 44100, 48000])
@pytest.mark.parametrize("mode", ["CONSTANT", "AVERAGE", "VARIABLE"])
def test_mp3_without_a_table_of_contents_is_read_to_its_end(tmp_path, rate, mode):
    path = mp3(tmp_path / "a.mp3", rate, mode)
    assert read_header(path) == Header(rate, len(speech(4.0, rate)), 1)
    path.write_bytes(without_contents(path.read_bytes()))
    found = read_header(path)
    assert found.num_samples == by_a_pipe(path)
    assert 0 <= found.num_samples - len(speech(4.0, rate)) < 3 * 1152  # the encoder's delay, and its last frame
    assert len(decoded(path)) == found.num_samples


def test_mp3_behind_a_tag_and_in_parts_of_two_files_is_read_to_its_end(tmp_path):
    content = mp3(tmp_path / "a.mp3").read_bytes()
    one = read_header(tmp_path / "a.mp3").num_samples
    tag = b"ID3\x04\0\0\0\0\x01\x03" + bytes(131)
    (tmp_path / "tag.mp3").write_bytes(tag + content + b"TAG" + bytes(125))
    assert read_header(tmp_path / "tag.mp3").num_samples == one
    (tmp_path / "two.mp3").write_bytes(content + content)
    assert read_header(tmp_path / "two.mp3").num_samples > 2 * one
    (tmp_path / "tag.mp3").write_bytes(tag + without_contents(content))
    assert one < read_header(tmp_path / "tag.mp3").num_samples < one + 3 * 1152


def test_any_part_of_an_mp3_of_unknown_length_is_that_of_the_whole(tmp_path):
    path = mp3(tmp_path / "a.mp3", mode="CONSTANT")
    path.write_bytes(without_contents(path.read_bytes()))
    whole = decoded(path)
    with AudioFile(path) as audio:
        assert audio.num_samples is None
        for start, count in ((30000, 700), (0, 4000), (len(whole) - 100, 500), (len(whole), 10)):
            part = whole[start : start + count]
            assert audio.read(start, count)[600:] == pytest.approx(
                part[600:], abs=1e-6
            )  # after a frame all is as it was


CODINGS = {
    "a.wav": {},
    "pcm24.wav": {"subtype": "PCM_24"},
    "ulaw.wav": {"subtype": "ULAW"},
    "gsm.wav": {"subtype": "GSM610"},
    "g721.au": {"subtype": "G721_32"},
    "a.w64": {},
    "a.rf64": {"format": "RF64"},
    "a.aiff": {},
    "a.au": {},
    "a.sph": {"format": "NIST"},
    "a.flac": {},
    "a.ogg": {},
    "a.opus": {"format": "OGG", "subtype": "OPUS"},
    "a.mp3": {},
}


@pytest.mark.parametrize("name", CODINGS)
def test_every_kind_is_counted_as_it_decodes(tmp_path, name):
    path = written(tmp_path / name, **CODINGS[name])
    assert read_header(path).num_samples == len(decoded(path)) == soundfile.info(path).frames


@pytest.mark.parametrize("name", sorted(CODINGS.keys() - {"a.flac"}))
def test_half_a_file_is_named(tmp_path, name):
    path = written(tmp_path / name, **CODINGS[name])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(CannotRead, match=rf"{name} is cut short: .*; fetch it again$"):
        read_header(path)


def test_half_a_streamed_flac_is_named(tmp_path):
    path = written(tmp_path / "a.flac")
    content = bytearray(path.read_bytes())
    content[21], content[22:26] = content[21] & 0xF0, bytes(4)
    path.write_bytes(content)
    assert read_header(path).num_samples == 2 * RATE
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(CannotRead, match=r"cannot read .*a\.flac as audio: .*; fetch it again, or leave it out$"):
        read_header(path)


def wav(path, size, tail=b"", riff=None, seconds=2.0):
    """A WAV file of 16 bits that says ``size`` of its data, and ``riff`` of all."""
    soundfile.write(path, speech(seconds), RATE, subtype="PCM_16")
    content = path.read_bytes()[:40] + struct.pack("<I", size) + path.read_bytes()[44:] + tail
    riff = len(content) - 8 if riff is None else riff
    path.write_bytes(content[:4] + struct.pack("<I", riff) + content[8:])
    return path


SIZE = 4 * RATE


@pytest.mark.parametrize("riff", [None, 0, 0x7FFFF024, 0xFFFFFFFF])
@pytest.mark.parametrize(
    "size", [0, 0x7FFFF000, 0x7FFFFFDB, 0x7FFFFFFF, 0x80000000, 0xFFFFFFDB, 0xFFFFFFFE, 0xFFFFFFFF, SIZE + 8, SIZE + 44]
)
def test_wav_that_was_written_to_a_pipe_or_is_off_by_some_bytes_is_good_audio(tmp_path, size, riff):
    path = wav(tmp_path / "a.wav", size, riff=riff)
    assert read_header(path) == Header(RATE, 2 * RATE, 1)
    assert (decoded(path) == soundfile.read(written(tmp_path / "b.wav"), dtype="float32", always_2d=True)[0]).all()


def test_wav_that_promises_less_goes_on_unless_a_chunk_follows(tmp_path):
    assert read_header(wav(tmp_path / "a.wav", SIZE // 2)).num_samples == 2 * RATE
    for tail in (LIST, b"\0" + LIST, bytes(700)):
        assert read_header(wav(tmp_path / "a.wav", SIZE, tail)).num_samples == 2 * RATE
    empty = wav(tmp_path / "a.wav", 0, LIST, seconds=0)
    assert read_header(empty).num_samples == 0


def test_more_bytes_than_rounding_may_cost_are_missed(tmp_path):
    tolerated = round(0.025 * 2 * RATE)
    assert read_header(wav(tmp_path / "a.wav", SIZE + tolerated)).num_samples == 2 * RATE
    with pytest.raises(CannotRead, match=rf"promises {SIZE + tolerated + 2} bytes of audio, {SIZE} are there"):
        read_header(wav(tmp_path / "a.wav", SIZE + tolerated + 2))


@given(start=st.integers(0, 40000), count=st.integers(0, 40000), before=st.integers(0, 40000))
@pytest.mark.parametrize("name", ["gsm.wav", "g721.au", "a.flac", "a.wav"])
def test_any_part_is_that_of_the_whole_wherever_reading_was_before(tmp_path_factory, name, start, count, before):
    path = tmp_path_factory.getbasetemp() / f"parts-{name}"
    if not path.exists():
        written(path, **CODINGS[name])
    whole = decoded(path)
    with AudioFile(path) as audio:
        audio.read(before, 10)
        assert (audio.read(start, count) == whole[start : start + count]).all()


def test_bytes_in_memory_are_read_as_files_are(tmp_path):
    path = wav(tmp_path / "a.wav", 0)
    with AudioFile(io.BytesIO(path.read_bytes())) as audio:
        assert len(audio.read(dtype="int16")) == 2 * RATE


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path):
    with pytest.raises(CannotRead, match=r"cannot read .*gone\.wav: No such file"):
        read_header(tmp_path / "gone.wav")
