"""What is stored of many utterances: a folder of ``symbols.json`` and numbered ``.npz`` shards, for numpy alone.

In a shard, the numbers of its utterances follow one another in the same arrays, whole numbers in the smallest type that
holds them. Of lattices, numbers that grow steadily are stored as differences: 20 to 30% smaller.

Arrays that are read are checked where they are decoded: no one else has to look at them with suspicion.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from pyspeech.arrays import REAL, WHOLE, Array, check_form, check_names, check_range, read_npz
from pyspeech.decoding.lattice import ARC_FIELDS, Lattice, check_lattices
from pyspeech.errors import UserError
from pyspeech.files import existing, write_text
from pyspeech.json_files import read_json

SYMBOLS = "symbols.json"
SHARD_VALUES = 500_000  # what is read at a time to get one utterance
MAX_VALUES = 1 << 23  # of one utterance
MAX_SHARD_BYTES = 1 << 28  # of arrays, unpacked: a shard of an utterance with the most values takes so much, or less
GROWING = ("source", "frame")  # within a lattice
SCORES = ("acoustic", "graph")
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Codec(Generic[T]):
    """How what an archive holds of each utterance is stored.

    Args:
        name: What it holds, in errors.
        tables: Names of the lists of symbols that belong to an archive.
        size: Values of one utterance: its share of a shard.
        arrays: Names of the arrays of a shard; ``id`` holds the ids of its utterances.
        encode: What is held of several utterances into these arrays.
        decode: The stored arrays into those that ``cut_out`` takes, checked; with how many symbols each table has.
            Raises ValueError for damaged ones.
        cut_out: What is held of the utterance at a place in a shard.
    """

    name: str
    tables: Sequence[str]
    size: Callable[[T], int]
    arrays: Sequence[str]
    encode: Callable[[Sequence[T]], dict[str, Array]]
    decode: Callable[[Mapping[str, Array], Mapping[str, int]], Mapping[str, Array]]
    cut_out: Callable[[Mapping[str, Array], int], T]


class ShardWriter(Generic[T]):
    """Writes the shards ``0.npz``, ``1.npz``, … into a new folder; in a ``with``, at whose end it writes the last."""

    def __init__(self, folder: Path, codec: Codec[T]) -> None:
        self.folder = folder
        self._codec = codec
        self._waiting: list[T] = []
        self._waiting_values = 0
        folder.mkdir(parents=True)

    def write(self, stored: T) -> None:
        """Add what is stored of the next utterance.

        Raises:
            UserError: it is more than can be read again.
        """
        size = self._codec.size(stored)
        if size > MAX_VALUES:
            raise UserError(
                f"the {self._codec.name} of an utterance are {size} values, of which {MAX_VALUES} can be stored; lower "
                "decode.frame_beam or decode.max_lattice_arcs, or cut it into shorter ones"
            )
        self._waiting.append(stored)
        self._waiting_values += size
        if self._waiting_values >= SHARD_VALUES:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            np.savez_compressed(_shard(self.folder, _num_shards(self.folder)), **self._codec.encode(self._waiting))
        self._waiting, self._waiting_values = [], 0

    def __enter__(self) -> "ShardWriter[T]":
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


def finish_archive(folder: Path, symbols: Mapping[str, Sequence[str]], frame_seconds: float) -> None:
    """Write the symbols, by the names of their tables, beside the shards; without them a folder is no archive."""
    table = {**symbols, "frame_seconds": frame_seconds, "shards": _num_shards(folder)}
    write_text(folder / SYMBOLS, json.dumps(table, ensure_ascii=False))


class Archive(Generic[T]):
    """Reads an archive: all in order, or one by the id of its utterance; ``len`` is the number of utterances.

    Args:
        tokens: Symbols by id; token 0 is the blank.
        frame_seconds: Duration of an output frame.

    Raises:
        UserError: the folder or a file in it is missing or damaged (a shard when it is read).
    """

    def __init__(self, folder: Path, codec: Codec[T]) -> None:
        self.folder = folder
        self._codec = codec
        path = folder / SYMBOLS
        table = read_json(path, f"{codec.name} archive", "decode again")
        try:
            self._symbols = {name: check_names(name, table.get(name)) for name in codec.tables}
            self.frame_seconds, self._shards = _seconds(table.get("frame_seconds")), _shards(table.get("shards"))
        except ValueError as error:
            raise UserError(f"{path} is damaged ({error}); decode again") from error
        self.tokens = self._symbols["tokens"]
        self._load = lru_cache(maxsize=1)(self._decoded)

    def __iter__(self) -> Iterator[T]:
        for shard in self._shards:
            arrays = self._decoded(shard)
            for place in range(len(arrays["id"])):
                yield self._codec.cut_out(arrays, place)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, id_: str) -> T:
        if id_ not in self._places:
            raise UserError(f"{self.folder} holds no {self._codec.name} of '{id_}'; it has {len(self)} others")
        shard, place = self._places[id_]
        return self._codec.cut_out(self._load(shard), place)

    @cached_property
    def _places(self) -> dict[str, tuple[int, int]]:
        places: dict[str, tuple[int, int]] = {}
        for shard in self._shards:
            for place, name in enumerate(self._read(shard, ("id",), lambda stored: check_names("id", stored["id"]))):
                if places.setdefault(name, (shard, place)) != (shard, place):
                    raise UserError(f"{self.folder} holds two {self._codec.name} of '{name}'; decode again")
        return places

    def _decoded(self, shard: int) -> Mapping[str, Array]:
        counts = {name: len(symbols) for name, symbols in self._symbols.items()}

        def decode(stored: Mapping[str, Array]) -> Mapping[str, Array]:
            check_names("id", stored["id"])
            return self._codec.decode(stored, counts)

        return self._read(shard, self._codec.arrays, decode)

    def _read(self, shard: int, names: Sequence[str], take: Callable[[Mapping[str, Array]], R]) -> R:
        path = existing(_shard(self.folder, shard), f"{self._codec.name} shard")
        try:
            return take(read_npz(path, names, MAX_SHARD_BYTES))
        except ValueError as error:
            raise UserError(f"{path} is damaged ({error}); decode again") from error


class LatticeArchive(Archive[Lattice]):
    """Reads stored lattices; see :class:`Archive`.

    Args:
        words: Symbols by id; word 0 is none.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, LATTICE_CODEC)
        self.words = self._symbols["words"]


def _shard(folder: Path, number: int) -> Path:
    return folder / f"{number}.npz"


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(f"frame_seconds is {value!r}, no duration")
    return float(value)


def _shards(value: object) -> range:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"shards is {value!r}, no number of files")
    return range(value)


def _num_shards(folder: Path) -> int:
    return sum(1 for path in folder.iterdir() if path.suffix == ".npz")


def _encode_lattices(lattices: Sequence[Lattice]) -> dict[str, Array]:
    arcs = {name: np.concatenate([getattr(each, name) for each in lattices]) for name in ARC_FIELDS}
    source = arcs["source"].astype(np.int64)
    arcs["target"] = arcs["target"] - source
    for name in GROWING:
        arcs[name] = np.diff(arcs[name].astype(np.int64), prepend=0)
    return {
        "id": np.array([each.id for each in lattices]),
        "num_frames": np.array([each.num_frames for each in lattices], np.int32),
        "num_arcs": np.array([each.num_arcs for each in lattices], np.int32),
        **{name: values if name in SCORES else smallest(values) for name, values in arcs.items()},
    }


def _decode_lattices(stored: Mapping[str, Array], counts: Mapping[str, int]) -> dict[str, Array]:
    num_frames, num_arcs = stored["num_frames"], stored["num_arcs"]
    for name, array in (("num_frames", num_frames), ("num_arcs", num_arcs)):
        check_form(name, array, WHOLE, len(stored["id"]))
    bounds = starts("num_arcs", num_arcs)
    arrays = {}
    for name in ARC_FIELDS:
        check_form(name, stored[name], REAL if name in SCORES else WHOLE, int(bounds[-1]))
        # Sums that are too large begin again at the other end, and are found wrong as any other.
        if name in GROWING:
            arrays[name] = np.cumsum(stored[name], dtype=np.int32)
        else:
            arrays[name] = stored[name].astype(np.float32 if name in SCORES else np.int32)
    arrays["target"] += arrays["source"]
    check_lattices(arrays, bounds, num_frames, counts["tokens"], counts["words"])
    return {"id": stored["id"], "num_frames": num_frames, "bounds": bounds, **arrays}


def starts(name: str, counts: Array) -> npt.NDArray[np.int64]:
    """Where each of several runs of values starts, and the last ends, [N + 1], from their lengths [N].

    Raises:
        ValueError: a length is below 0, or too large; ``name`` is that of the array.
    """
    check_range(name, counts, 0, MAX_SHARD_BYTES)
    return np.insert(np.cumsum(counts, dtype=np.int64), 0, 0)


def _lattice(arrays: Mapping[str, Array], place: int) -> Lattice:
    part = slice(arrays["bounds"][place], arrays["bounds"][place + 1])
    return Lattice(
        id=str(arrays["id"][place]),
        num_frames=int(arrays["num_frames"][place]),
        **{name: arrays[name][part] for name in ARC_FIELDS},
    )


def smallest(values: Array) -> Array:
    """Return whole numbers in the smallest type that holds them all."""
    if not len(values):
        return values
    low, high = int(values.min()), int(values.max())
    kinds = (np.uint8, np.int8, np.uint16, np.int16, np.int32)
    kind = next(each for each in kinds if np.iinfo(each).min <= low and high <= np.iinfo(each).max)
    return values.astype(kind)


LATTICE_CODEC = Codec(
    "lattice",
    ("tokens", "words"),
    lambda lattice: lattice.num_arcs,
    ("id", "num_frames", "num_arcs", *ARC_FIELDS),
    _encode_lattices,
    _decode_lattices,
    _lattice,
)
