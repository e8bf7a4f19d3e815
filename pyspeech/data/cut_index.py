"""A manifest as arrays and a file of lines: any cut by its number, in memory that hardly grows with the manifest.

Beside ``train.jsonl.gz`` lies ``.train.jsonl.gz.index``, made when there is none of this state of the manifest; where
that cannot be written, it is in a temporary folder of the process. The lines are read from it one at a time, not mapped
into memory, where their pages would count for every process that touches them.
"""

import atexit
import io
import json
import os
import shutil
import struct
import tempfile
import weakref
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from lhotse.cut import Cut
from lhotse.serialization import deserialize_item

from pyspeech.data.manifests import read_manifest
from pyspeech.data.own_partial import own_partial, remove_leftovers
from pyspeech.data.speeds import speed_of
from pyspeech.errors import UserError
from pyspeech.files import digest, existing
from pyspeech.json_files import read_json_lines

Reals = npt.NDArray[np.float64]
FORMAT = 1  # of the file; another is made again
PLACES_BYTES = 16  # its end: where the rows and the line of JSON begin
NO_SPEAKER = -1
# What is known of each cut without reading its line.
ROW = np.dtype(
    [
        ("end", "<i8"),  # of its line, in bytes
        ("seconds", "<f8"),
        ("speed", "<f4"),  # at which its recording is played
        ("speaker", "<i4"),  # number, or NO_SPEAKER
        ("has_recording", "?"),
        ("has_features", "?"),
    ]
)
PACKED = struct.Struct("<qdfi??")  # one row; numpy would take as long for it as the JSON of its line
_elsewhere: dict[str, Path] = {}  # by digest of manifest and state: indexes that could not be written beside it


@dataclass(frozen=True)
class CutIndex:
    """N cuts of a manifest.

    Args:
        manifest: Where they come from, for messages.
        rows: [N] Of :data:`ROW`.
        speakers: Names, in the order of the manifest.
        lines: The index; its first bytes are the lines of JSON.
    """

    manifest: Path
    rows: npt.NDArray[np.void]
    speakers: tuple[str, ...]
    lines: "_Opened"

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def seconds(self) -> Reals:
        """[N] Durations."""
        return self.rows["seconds"]

    def cut(self, number: int) -> Cut:
        """Read one cut, of the manifest as it was when the index was opened."""
        begin = int(self.rows["end"][number - 1]) if number else 0
        return deserialize_item(json.loads(self.lines.read(begin, int(self.rows["end"][number]))))


class _Opened:
    """A file that stays the one which was opened, when another takes its name.

    Worker processes that are forked have it open, too: it is read at places, for there is one position for all. One
    that is unpickled is opened again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self.descriptor)

    def read(self, begin: int, end: int) -> bytes:
        return os.pread(self.descriptor, end - begin, begin)

    @property
    def identity(self) -> tuple[int, ...]:
        found = os.fstat(self.descriptor)
        return found.st_ino, found.st_size, found.st_mtime_ns

    def __reduce__(self) -> tuple[Any, ...]:
        return _opened_again, (self.path, self.identity)


def _opened_again(path: Path, identity: tuple[int, ...]) -> _Opened:
    opened = _Opened(existing(path, "index of a manifest"))
    if opened.identity != identity:
        raise UserError(f"{path} was made again while it is in use; begin again")
    return opened


def read_cut_index(path: Path) -> CutIndex:
    """Read the index of a manifest, after making it where there is none that is as new.

    Raises:
        UserError: a manifest that is missing, damaged or empty, a cut without duration, or no place for the index.
    """
    read_manifest(path)  # which tells of an empty one
    beside = path.with_name(f".{path.name}.index")
    state = _state(path)
    key = digest(str(path.resolve()), state)
    for file in (beside, _elsewhere.get(key, beside)):
        with suppress(OSError, ValueError, KeyError):  # none yet, or of another state or format
            return _read(path, _Opened(file), state)
    try:
        return _make(path, beside, state)
    except OSError as first:
        try:
            file = _folder_until_exit() / f"{key}.index"
            index = _make(path, file, state)
        except OSError as error:
            raise UserError(
                f"cannot write an index of {path}, neither beside it ({first.strerror}) nor in the folder of temporary "
                f"files ({error.strerror}); free space, or name another folder by TMPDIR"
            ) from error
    _elsewhere[key] = file
    return index


def _make(path: Path, file: Path, state: list[int]) -> CutIndex:
    """Write the index of ``path`` as ``file``; OSError where it cannot be written."""
    remove_leftovers(file.parent, file.name)
    with own_partial(file) as partial:
        with partial.open("wb") as stream:
            _write(path, stream, state)
        lines = _Opened(partial)
        lines.path = file  # from now on, unless another process makes it, too
        return _read(path, lines, state)


def _write(path: Path, stream: BinaryIO, state: list[int]) -> None:
    """Write the lines, then the rows, then a line of JSON, then where the rows and that line begin."""
    speakers: dict[str, int] = {}
    rows = bytearray()
    end = 0
    for line, values in read_json_lines(path):
        end += stream.write(json.dumps(values).encode())
        rows += _row(values, end, speakers, f"{path}, line {line}")
    places = [stream.tell()]
    np.save(stream, np.frombuffer(rows, dtype=ROW), allow_pickle=False)
    places.append(stream.tell())
    stream.write(json.dumps({"format": FORMAT, "state": state, "speakers": list(speakers)}).encode())
    stream.write(np.array(places, "<i8").tobytes())


def _read(path: Path, lines: _Opened, state: list[int]) -> CutIndex:
    """Read all but the lines; ValueError where it is not of this format, or not of ``state``."""
    with open(lines.descriptor, "rb", closefd=False) as stream:
        size = stream.seek(0, io.SEEK_END)
        stream.seek(max(size - PLACES_BYTES, 0))
        rows_begin, tail_begin = (int(place) for place in np.frombuffer(stream.read(), "<i8", count=2))
        stream.seek(tail_begin)
        tail = json.loads(stream.read(size - PLACES_BYTES - tail_begin))
        if tail["format"] != FORMAT or tail["state"] != state:
            raise ValueError("another format, or an earlier manifest")
        stream.seek(rows_begin)
        rows = np.load(stream, allow_pickle=False)
    return CutIndex(path, rows, tuple(tail["speakers"]), lines)


@cache
def _folder_until_exit() -> Path:
    folder = tempfile.mkdtemp(prefix="pyspeech-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _state(path: Path) -> list[int]:
    found = existing(path, "manifest").stat()
    # The time of its content is not enough: a copy may be given that of another, and clocks are coarse.
    return [found.st_size, found.st_mtime_ns, found.st_ino, found.st_ctime_ns]


def _row(values: Mapping[str, Any], end: int, speakers: dict[str, int], where: str) -> bytes:
    seconds = values.get("duration")
    if not isinstance(seconds, int | float) or not isinstance(values.get("id"), str):
        raise UserError(f"{where}: no 'id' or no 'duration' in seconds; expected a manifest of lhotse cuts")
    its = values.get("supervisions")
    speaker = its[0].get("speaker") if isinstance(its, list) and len(its) == 1 else None
    number = speakers.setdefault(str(speaker), len(speakers)) if speaker else NO_SPEAKER
    has_recording, has_features = bool(values.get("recording")), bool(values.get("features"))
    return PACKED.pack(end, seconds, speed_of(values), number, has_recording, has_features)
