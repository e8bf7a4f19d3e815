import io

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.data.audio_contents import READERS, Contents, contents_of
from pyspeech.data.audio_files import CannotRead
from pyspeech.data.audio_reading import read_header

MPEG = b"\xff\xfb\x90\xc4"


@given(st.sampled_from([b"", b"ID3", MPEG, b"RIFF\0\0\0\0WAVEfmt ", *READERS]), st.binary(max_size=300))
def test_any_bytes_are_looked_at_to_the_end_or_left_to_the_decoder(kind, rest):
    found = contents_of(io.BytesIO(kind + rest))
    assert found.begin >= 0


@pytest.mark.parametrize("tags", range(3))
def test_tags_before_audio_are_passed_over(tags):
    flac = b"fLaC" + bytes(38)
    assert contents_of(io.BytesIO(tags * (b"ID3\x04\0\0\0\0\0\x05" + bytes(5)) + flac)) == Contents(guessed=True)


def test_a_table_of_contents_of_fraunhofers_is_passed_over():
    frame = (MPEG + bytes(32) + b"VBRI").ljust(417, b"\0")  # 128 kbit/s at 44.1 kHz
    found = contents_of(io.BytesIO(frame + 3 * MPEG.ljust(417, b"\0")))
    assert found == Contents(guessed=True, endless=True, begin=417)


def test_sphere_that_is_compressed_is_named_as_such(tmp_path):
    path = tmp_path / "a.sph"
    soundfile.write(path, np.zeros(800), 8000, format="NIST")
    coding = b"sample_coding -s26 pcm,embedded-shorten-v2.00"
    path.write_bytes(path.read_bytes().replace(b"sample_coding -s3 pcm", coding))
    with pytest.raises(CannotRead, match=r"a\.sph: it is compressed by shorten, which is not read; sph2pipe -f wav"):
        read_header(path)
