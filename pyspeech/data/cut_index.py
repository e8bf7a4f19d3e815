"""A manifest as arrays and a file of lines: any cut by its number, in memory that hardly grows with the manifest.

Beside ``train.jsonl.gz`` lies ``.train.jsonl.gz.index``, made when there is none of this state of the manifest; where
that cannot be written, it is in a temporary folder of the process. The lines are read from it one at a time, not mapped
into memory, where their pages would count for every process that touches them.

What is read at once has a digest: an index of which it is wrong is made again. Each line has a checksum of its own, as
reading them all would take as long as making them; one that is wrong is an error.
"""

import hashlib
import io
import json
import os
import struct
import weakref
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from lhotse.cut import Cut

from pyspeech.arrays import check_names, check_places, check_range
from pyspeech.data.concurrent_write import own_partial, remove_leftovers
from pyspeech.data.manifests import check_line, cut_of, folder_until_exit, manifest_file, read_manifest
from pyspeech.entries import LONGEST_SECONDS, as_one
from pyspeech.errors import UserError
from pyspeech.files import digest, existing
from pyspeech.json_files import parse_json, read_json_lines
from pyspeech.speeds import speed_of
from pyspeech.transcripts import Manifest

Reals = npt.NDArray[np.float64]
FORMAT = 2  # of the file; another is made again
PLACES_BYTES = 16  # its end: where the rows and the line of JSON begin
NO_SPEAKER = -1
# What is known of each cut without reading its line.
ROW = np.dtype(
    [
        ("end", "<i8"),  # of its line, in bytes
        ("crc", "<u4"),  # CRC-32 of its line
        ("seconds", "<f8"),
        ("speed", "<f4"),  # at which its recording is played
        ("speaker", "<i4"),  # number, or NO_SPEAKER
        ("has_recording", "?"),
        ("has_features", "?"),
    ]
)
PACKED = struct.Struct("<qIdfi??")  # one row; numpy would take as long for it as the JSON of its line
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
        """Read one cut, of the manifest as it was when the index was opened.

        Raises:
            UserError: the index is damaged there.
        """
        begin = int(self.rows["end"][number - 1]) if number else 0
        line = self.lines.read(begin, int(self.rows["end"][number]))
        if zlib.crc32(line) != self.rows["crc"][number]:
            raise UserError(f"{self.lines.path} is damaged in line {number + 1}; remove it: it is made again")
        return cut_of(parse_json(line), f"{self.manifest}, utterance {number + 1}")


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


def read_cut_index(manifest: Manifest) -> CutIndex:
    """Read the index of a manifest, after making it where there is none that is as new.

    Raises:
        UserError: a manifest that is missing, damaged or empty, a cut without duration, or no place for the index.
    """
    path = manifest_file(manifest)
    read_manifest(path)  # which tells of an empty one
    beside = path.with_name(f".{path.name}.index")
    state = _state(path)
    key = digest(str(path.resolve()), state)
    for file in (beside, _elsewhere.get(key, beside)):
        with suppress(OSError, ValueError):  # none yet, damaged, or of another state or format
            return _read(path, _Opened(file), state)
    try:
        return _make(path, beside, state)
    except OSError as first:
        try:
            file = folder_until_exit() / f"{key}.index"
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
        check_line(values, f"{path}, line {line}")
        text = json.dumps(values).encode()
        end += stream.write(text)
        rows += _row(as_one(values), end, zlib.crc32(text), speakers)
    stream.write(rows)
    tail = {"format": FORMAT, "state": state, "speakers": list(speakers)}
    stream.write(json.dumps({**tail, "digest": _digest(rows, tail)}).encode())
    stream.write(np.array([end, end + len(rows)], "<i8").tobytes())


def _digest(rows: bytes | bytearray, tail: Mapping[str, Any]) -> str:
    return digest(hashlib.sha256(rows).hexdigest(), tail)


def _read(path: Path, lines: _Opened, state: list[int]) -> CutIndex:
    """Read all but the lines; ValueError where it is damaged, not of this format, or not of ``state``."""
    with open(lines.descriptor, "rb", closefd=False) as stream:
        size = stream.seek(0, io.SEEK_END)
        stream.seek(max(size - PLACES_BYTES, 0))
        rows_begin, tail_begin = (int(place) for place in np.frombuffer(stream.read(), "<i8", count=2))
        if not 0 <= rows_begin <= tail_begin <= size - PLACES_BYTES:
            raise ValueError("its parts are in no place")
        stream.seek(rows_begin)
        content = stream.read(tail_begin - rows_begin)
        tail = parse_json(stream.read(size - PLACES_BYTES - tail_begin))
    if not isinstance(tail, dict) or tail.get("format") != FORMAT or tail.get("state") != state:
        raise ValueError("another format, or an earlier manifest")
    if tail.pop("digest", None) != _digest(content, tail):
        raise ValueError("it was changed")
    rows, speakers = np.frombuffer(content, ROW), check_names("speakers", tail.get("speakers"))
    ends = rows["end"]
    check_places("end", np.diff(ends, prepend=0) > 0, "more than the line before")
    if not len(rows) or ends[-1] != rows_begin:
        raise ValueError("its lines end elsewhere")
    check_range("seconds", rows["seconds"], 0, LONGEST_SECONDS)
    check_range("speaker", rows["speaker"], NO_SPEAKER, len(speakers) - 1)
    return CutIndex(path, rows, speakers, lines)


def _state(path: Path) -> list[int]:
    found = existing(path, "manifest").stat()
    # The time of its content is not enough: a copy may be given that of another, and clocks are coarse.
    return [found.st_size, found.st_mtime_ns, found.st_ino, found.st_ctime_ns]


def _row(values: Mapping[str, Any], end: int, crc: int, speakers: dict[str, int]) -> bytes:
    its = values.get("supervisions", [])
    speaker = its[0].get("speaker") if len(its) == 1 else None
    number = speakers.setdefault(str(speaker), len(speakers)) if speaker else NO_SPEAKER
    has_recording, has_features = bool(values.get("recording")), bool(values.get("features"))
    return PACKED.pack(end, crc, values["duration"], speed_of(values), number, has_recording, has_features)
