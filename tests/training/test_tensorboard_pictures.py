import struct

import pytest
from tensorboardX.proto.event_pb2 import Event

from pyspeech.errors import UserError
from pyspeech.training.tensorboard_pictures import add_pictures

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 640, 480) + b"rest"


def events_of(path):
    """Each record: its length (8 bytes) and a checksum (4), the event, a checksum (4)."""
    data = path.read_bytes()
    while data:
        (length,) = struct.unpack_from("<Q", data)
        yield Event.FromString(data[12 : 12 + length])
        data = data[16 + length :]


def test_the_files_are_in_the_events_as_they_are(tmp_path):
    (tmp_path / "a.png").write_bytes(PNG)
    add_pictures(tmp_path, {"training": tmp_path / "a.png", "utterance/x": tmp_path / "a.png"})
    [path] = (tmp_path / "tensorboard/pictures").iterdir()
    values = [value for event in events_of(path) for value in event.summary.value]
    assert [value.tag for value in values] == ["training", "utterance/x"]
    for value in values:
        assert (value.image.width, value.image.height) == (640, 480)
        assert value.image.encoded_image_string == PNG


def test_a_training_that_runs_keeps_the_only_event_file_of_its_folder(tmp_path):
    (tmp_path / "a.png").write_bytes(PNG)
    add_pictures(tmp_path, {"training": tmp_path / "a.png"})
    assert [path.name for path in (tmp_path / "tensorboard").iterdir()] == ["pictures"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "tensorboard").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*tensorboard"):
        add_pictures(tmp_path, {})
