"""Pictures in the TensorBoard of a training."""

import os
import time
from pathlib import Path

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary

from pyspeech.files import writing

RGBA = 4  # channels of what matplotlib writes
WIDTH_AT, HEIGHT_AT = slice(16, 20), slice(20, 24)  # in the header of every PNG (https://www.w3.org/TR/png-3, 11.2.1)


def add_pictures(exp: Path, pictures: dict[str, Path], step: int = 0) -> None:
    """Add PNG files to the TensorBoard of ``exp``, by the names that they get there.

    They go into a folder of their own: TensorBoard leaves an event file for good once the folder has a later one, and
    would no longer follow a training that runs.

    Raises:
        UserError: the disk is full, or the folder cannot be written.
    """
    folder = exp / "tensorboard" / "pictures"
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        events = EventsWriter(str(folder / "events"), f".{os.getpid()}")  # or two of one second would share a name
        for name, path in pictures.items():
            value = _value(name, path.read_bytes())
            events.write_event(Event(wall_time=time.time(), step=step, summary=Summary(value=[value])))
        events.close()


def _value(name: str, png: bytes) -> Summary.Value:
    # tensorboardX decodes and encodes images by Pillow; the bytes of a PNG are what it would end with.
    width, height = (int.from_bytes(png[part], "big") for part in (WIDTH_AT, HEIGHT_AT))
    return Summary.Value(
        tag=name, image=Summary.Image(height=height, width=width, colorspace=RGBA, encoded_image_string=png)
    )
