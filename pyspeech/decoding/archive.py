"""Stored lattices: a folder of ``symbols.json`` and numbered ``.npz`` shards, read with numpy alone.

In a shard, the arcs of its lattices follow one another in the same arrays. Numbers that grow steadily are stored as
differences, whole numbers in the smallest type that holds them: 20 to 30% smaller.
"""

import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from pyspeech.decoding.lattice import ARC_FIELDS, Lattice
from pyspeech.errors import UserError
from pyspeech.files import existing, existing_file, write_text

SYMBOLS = "symbols.json"
SHARD_ARCS = 500_000  # what is read at a time to get one lattice
GROWING = ("source", "frame")  # within a lattice
SCORES = ("acoustic", "graph")
Array = npt.NDArray[Any]


class ShardWriter:
    """Writes lattices as ``0.npz``, ``1.npz``, … into a new folder; in a ``with``, at whose end it writes the last."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._waiting: list[Lattice] = []
        self._waiting_arcs = 0
        folder.mkdir(parents=True)

    def write(self, lattice: Lattice) -> None:
        """Add a lattice."""
        self._waiting.append(lattice)
        self._waiting_arcs += lattice.num_arcs
        if self._waiting_arcs >= SHARD_ARCS:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            np.savez_compressed(_shard(self.folder, _num_shards(self.folder)), **_encode(self._waiting))
        self._waiting, self._waiting_arcs = [], 0

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._flush()


def adopt_shards(source: Path, folder: Path) -> None:
    """Move the shards that were written into ``source`` behind those of ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    first = _num_shards(folder)
    for number in range(_num_shards(source)):
        _shard(source, number).rename(_shard(folder, first + number))


def finish_archive(folder: Path, tokens: Sequence[str], words: Sequence[str], frame_seconds: float) -> None:
    """Write the symbols beside the shards; without them a folder is no archive."""
    table = {"tokens": tokens, "words": words, "frame_seconds": frame_seconds, "shards": _num_shards(folder)}
    write_text(folder / SYMBOLS, json.dumps(table, ensure_ascii=False))


class LatticeArchive:
    """Reads a folder of stored lattices: all in order, or one by its id.

    Args:
        tokens, words: Symbols by id; token 0 is the blank, word 0 none.
        frame_seconds: Duration of an output frame.

    Raises:
        UserError: the folder or a file in it is missing or damaged (a shard when it is read).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = existing_file(folder / SYMBOLS, "lattice archive")
        try:
            table = json.loads(path.read_text(encoding="utf-8"))
            self.tokens = tuple(map(str, table["tokens"]))
            self.words = tuple(map(str, table["words"]))
            self.frame_seconds = float(table["frame_seconds"])
            self._shards = range(int(table["shards"]))
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path} is damaged ({error!r}); decode again") from error
        self._load = lru_cache(maxsize=1)(self._read)
        self._places: dict[str, tuple[int, int]] | None = None

    def __iter__(self) -> Iterator[Lattice]:
        for shard in self._shards:
            arrays = self._read(shard)
            for place in range(len(arrays["id"])):
                yield _cut_out(arrays, place)

    def __getitem__(self, id_: str) -> Lattice:
        if self._places is None:
            ids = (self._read(shard, ("id",))["id"].tolist() for shard in self._shards)
            self._places = {name: (shard, place) for shard, names in enumerate(ids) for place, name in enumerate(names)}
        if id_ not in self._places:
            raise UserError(f"{self.folder} holds no lattice of '{id_}'; it has {len(self._places)} others")
        shard, place = self._places[id_]
        return _cut_out(self._load(shard), place)

    def _read(self, shard: int, names: Sequence[str] = ()) -> Mapping[str, Array]:
        path = existing(_shard(self.folder, shard), "shard of lattices")
        try:
            # Opened here, as numpy leaves a file that is no archive open.
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
                return {name: stored[name] for name in names} if names else _decode(dict(stored))
        # numpy and zipfile raise one of these, depending on where the damage is.
        except (OSError, ValueError, KeyError, EOFError, IndexError, zipfile.BadZipFile, zlib.error) as error:
            raise UserError(f"{path} is damaged ({error}); decode again") from error


def _shard(folder: Path, number: int) -> Path:
    return folder / f"{number}.npz"


def _num_shards(folder: Path) -> int:
    return sum(1 for path in folder.iterdir() if path.suffix == ".npz")


def _encode(lattices: Sequence[Lattice]) -> dict[str, Array]:
    arcs = {name: np.concatenate([getattr(each, name) for each in lattices]) for name in ARC_FIELDS}
    source = arcs["source"].astype(np.int64)
    arcs["target"] = arcs["target"] - source
    for name in GROWING:
        arcs[name] = np.diff(arcs[name].astype(np.int64), prepend=0)
    return {
        "id": np.array([each.id for each in lattices]),
        "num_frames": np.array([each.num_frames for each in lattices], np.int32),
        "num_arcs": np.array([each.num_arcs for each in lattices], np.int32),
        **{name: values if name in SCORES else _smallest(values) for name, values in arcs.items()},
    }


def _decode(arrays: dict[str, Array]) -> dict[str, Array]:
    arrays = dict(arrays)
    for name in GROWING:
        arrays[name] = np.cumsum(arrays[name], dtype=np.int64)
    arrays["target"] = arrays["target"] + arrays["source"]
    for name in ARC_FIELDS:
        arrays[name] = arrays[name].astype(np.float32 if name in SCORES else np.int32)
    arrays["bounds"] = np.insert(np.cumsum(arrays["num_arcs"], dtype=np.int64), 0, 0)
    if any(len(arrays[name]) != arrays["bounds"][-1] for name in ARC_FIELDS):
        raise ValueError("its arrays have different lengths")
    return arrays


def _cut_out(arrays: Mapping[str, Array], place: int) -> Lattice:
    part = slice(arrays["bounds"][place], arrays["bounds"][place + 1])
    return Lattice(
        id=str(arrays["id"][place]),
        num_frames=int(arrays["num_frames"][place]),
        **{name: arrays[name][part] for name in ARC_FIELDS},
    )


def _smallest(values: Array) -> Array:
    low, high = int(values.min()), int(values.max())
    kinds = (np.uint8, np.int8, np.uint16, np.int16, np.int32)
    kind = next(each for each in kinds if np.iinfo(each).min <= low and high <= np.iinfo(each).max)
    return values.astype(kind)
