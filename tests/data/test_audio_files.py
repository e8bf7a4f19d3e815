import pytest
from tones import write_tones

from pyspeech.data.audio_files import refuse_cut_short
from pyspeech.errors import UserError


@pytest.mark.parametrize("kept_bytes", [20, 44, 400, -2])
def test_a_wav_file_cut_short_is_refused_by_name(tmp_path, kept_bytes):
    path = write_tones(tmp_path / "short.wav", ["LOW"])
    refuse_cut_short(path)
    path.write_bytes(path.read_bytes()[:kept_bytes])
    with pytest.raises(UserError, match=r"short\.wav is cut short"):
        refuse_cut_short(path)


@pytest.mark.parametrize("size", [b"\xff\xff\xff\xff", b"\0\0\0\0"])
def test_a_streamed_wav_of_unknown_size_is_accepted(tmp_path, size):
    path = write_tones(tmp_path / "stream.wav", ["LOW"])
    content = bytearray(path.read_bytes())
    content[40:44] = size
    path.write_bytes(content)
    refuse_cut_short(path)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path):
    with pytest.raises(UserError, match=r"cannot read .*gone\.wav: No such file"):
        refuse_cut_short(tmp_path / "gone.wav")
