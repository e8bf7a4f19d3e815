"""Damage: one file of an input becomes another, by its bytes or by what they stand for.

Bytes alone die at the first checksum or bracket. So packed files are changed within, and where a file is JSON, YAML, a
table or arrays, it is parsed, one value becomes another, and it is written again.
"""

import bz2
import gzip
import json
import lzma
import math
import pickle
import re
import struct
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

import numpy as np
import yaml
from numpy.typing import NDArray

from tools.fuzz.odd import BOXES, NUMBERS, TEXTS, WORDS, YAMLS, Raw, Runs

Bytes: TypeAlias = Callable[[bytes, Random], bytes]

MOST = 4  # changes of one input


def damage(files: Sequence[Path], others: Sequence[Path], rng: Random) -> str:
    """Change one of ``files`` or several; return what was done, for people.

    ``others`` are files of any kind: a piece of one, or all of it, may take the place of what is there.
    """
    done = []
    for _ in range(1 if rng.random() < 0.7 else rng.randint(2, MOST)):
        path = rng.choice(files)
        if not path.is_file():  # any more
            continue
        name, content = _changed(path.name, path.read_bytes(), others, rng)
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
        done.append(f"{path}: {name}")
    return "; ".join(done)


def _changed(name: str, content: bytes, others: Sequence[Path], rng: Random) -> tuple[str, bytes | None]:
    if rng.random() < 0.01:
        return "removed", None
    if others and rng.random() < 0.06:
        return _crossed(content, rng.choice(others), rng)
    for suffix, (pack, unpack) in PACKERS.items():
        if name.endswith(suffix) and rng.random() < 0.8:
            with suppress(Exception):
                done, inner = _changed(name.removesuffix(suffix), unpack(content), (), rng)
                return f"within {suffix}, {done}", inner if inner is None else pack(inner)
    kinds = [kind for pattern, kind in KINDS if re.search(pattern, name)]
    if kinds and rng.random() < 0.75:
        # What an earlier change has damaged cannot be parsed any more.
        with suppress(Exception):
            return kinds[0].__name__.strip("_"), kinds[0](content, rng)
    change = rng.choice(BYTES)
    return change.__name__.strip("_"), change(content, rng)


def _crossed(content: bytes, other: Path, rng: Random) -> tuple[str, bytes]:
    theirs = other.read_bytes()
    if rng.random() < 0.5:
        return f"is {other.name}", theirs
    cut, begin = rng.randint(0, len(content)), rng.randint(0, len(theirs))
    return f"ends as {other.name}", content[:cut] + theirs[begin:]


# Bytes -------------------------------------------------------------------------------------------------------------


def _place(content: bytes, rng: Random) -> int:
    """Where to change something: often near the beginning, where headers are, or the end."""
    kind = rng.random()
    if kind < 0.35:
        return rng.randint(0, min(len(content), 64))
    if kind < 0.45:
        return max(0, len(content) - rng.randint(0, 64))
    return rng.randint(0, len(content))


def _flip(content: bytes, rng: Random) -> bytes:
    found = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 8, 64))):
        if found:
            found[min(_place(content, rng), len(found) - 1)] ^= 1 << rng.randrange(8)
    return bytes(found)


def _truncate(content: bytes, rng: Random) -> bytes:
    return content[: rng.choice((0, 1, len(content) // 2, max(0, len(content) - 1), _place(content, rng)))]


def _delete(content: bytes, rng: Random) -> bytes:
    place = _place(content, rng)
    return content[:place] + content[place + rng.choice((1, 2, 4, 8, 64, 1000)) :]


def _double(content: bytes, rng: Random) -> bytes:
    place = _place(content, rng)
    end = place + rng.choice((1, 4, 64, 1000, len(content)))
    return content[:end] + content[place:]


def _swap(content: bytes, rng: Random) -> bytes:
    one, two, three = sorted(_place(content, rng) for _ in range(3))
    return content[:one] + content[two:three] + content[one:two] + content[three:]


def _insert(content: bytes, rng: Random) -> bytes:
    place = _place(content, rng)
    return content[:place] + rng.choice(TEXTS) + content[place:]


def _number(content: bytes, rng: Random) -> bytes:
    """Write a number that no place expects, in one of the types of binary files, at a place of its size."""
    form = rng.choice(("<b", "<h", "<i", "<q", "<f", "<d", ">h", ">i", ">q"))
    value = rng.choice([number for number in NUMBERS if not isinstance(number, str)])
    size = struct.calcsize(form)
    if form[1] in "fd":
        with np.errstate(over="ignore"):
            packed = np.array(float(value)).astype(f"{form[0]}f{size}").tobytes()
    else:
        whole = int(value) if math.isfinite(value) else -1
        packed = (whole % (1 << (8 * size))).to_bytes(size, "little" if form[0] == "<" else "big")
    place = _place(content, rng) // size * size
    return content[:place] + packed + content[place + size :]


BYTES: tuple[Bytes, ...] = (_flip, _truncate, _delete, _double, _swap, _insert, _number)


# Values ------------------------------------------------------------------------------------------------------------


def _other(value: object, rng: Random) -> Any:  # noqa: ANN401 -- any value
    """Another value in place of this one, of its kind or not."""
    kind = rng.random()
    if kind < 0.15:
        return rng.choice(BOXES)
    number = isinstance(value, int | float)
    if isinstance(value, int | float) and kind < 0.35:
        return rng.choice((str(value), -value, value + 1, value * 2, value / 3, [value], value + 0.4, 1 - value))
    if isinstance(value, str) and kind < 0.35:
        place = rng.randint(0, len(value))
        return rng.choice((value * 2, value + " ", value[:place], value.swapcase(), [value], {value: value}))
    if isinstance(value, str) and kind < 0.5:
        place = rng.randint(0, len(value))
        return value[:place] + rng.choice(WORDS) + value[place:]
    return rng.choice(NUMBERS if number == (kind < 0.85) else WORDS)


def _value_changed(value: Any, rng: Random) -> Any:  # noqa: ANN401 -- what JSON or YAML can hold
    """Return ``value`` with one change within it."""
    if isinstance(value, dict) and value and rng.random() < 0.92:
        return _mapping_changed(value, rng)
    if isinstance(value, list) and value and rng.random() < 0.92:
        return _list_changed(value, rng)
    return _other(value, rng)


def _mapping_changed(value: dict[str, Any], rng: Random) -> dict[str, Any]:
    key, kind = rng.choice(list(value)), rng.random()
    if kind < 0.12:
        return {name: each for name, each in value.items() if name != key}
    if kind < 0.17:
        return value | {rng.choice(WORDS): value[key]}
    if kind < 0.22:
        return {(name + "x" if name == key else name): each for name, each in value.items()}
    if kind < 0.27:
        return value | {key: value[rng.choice(list(value))]}
    return value | {key: _value_changed(value[key], rng)}


def _list_changed(value: list[Any], rng: Random) -> list[Any]:
    place, kind = rng.randrange(len(value)), rng.random()
    if kind < 0.1:
        return value[:place] + value[place + 1 :]
    if kind < 0.2:
        return value[:place] + [value[place]] * 2 + value[place + 1 :]
    if kind < 0.25:
        return rng.sample(value, len(value))
    return [*value[:place], _value_changed(value[place], rng), *value[place + 1 :]]


def _json_text(value: object) -> bytes:
    raws: list[str] = []

    def marked(each: Any) -> Any:  # noqa: ANN401 -- what JSON can hold
        if isinstance(each, Raw):
            raws.append(each)
            return f"@raw{len(raws) - 1}@"
        if isinstance(each, dict):
            return {str(key): marked(part) for key, part in each.items()}
        return [marked(part) for part in each] if isinstance(each, list) else each

    text = json.dumps(marked(value), ensure_ascii=False)
    for number, raw in enumerate(raws):
        text = text.replace(f'"@raw{number}@"', raw)
    return text.encode("utf-8", "surrogatepass")


def _json_value(content: bytes, rng: Random) -> bytes:
    return _json_text(_value_changed(json.loads(content), rng))


def _json_line(content: bytes, rng: Random) -> bytes:
    lines = content.splitlines()
    place = rng.randrange(len(lines))
    if rng.random() < 0.8:
        lines[place] = _json_value(lines[place], rng)
        return b"\n".join(lines) + b"\n"
    return _line(content, rng)


def _yaml_value(content: bytes, rng: Random) -> bytes:
    if rng.random() < 0.15:
        extra = rng.choice(YAMLS).encode()
        return rng.choice((extra, content + extra, extra + content))
    # JSON is YAML, but for numbers and brackets that are wrong in both.
    return _json_text(_value_changed(yaml.safe_load(content), rng))


# Lines and columns -------------------------------------------------------------------------------------------------


def _line(content: bytes, rng: Random) -> bytes:
    lines = content.split(b"\n")
    place = rng.randrange(len(lines))
    kind = rng.randrange(6)
    if kind == 0:
        del lines[place]
    elif kind == 1:
        lines.insert(place, lines[place])
    elif kind == 2:
        other = rng.randrange(len(lines))
        lines[place], lines[other] = lines[other], lines[place]
    elif kind == 3:
        lines.insert(place, rng.choice(WORDS).encode("utf-8", "surrogatepass"))
    elif kind == 4:
        return rng.choice((b"\xef\xbb\xbf" + content, b"\r\n".join(lines), b"\r".join(lines), content.rstrip(b"\n")))
    else:
        lines[place] = lines[place] * 2
    return b"\n".join(lines)


def _column(content: bytes, rng: Random) -> bytes:
    if rng.random() < 0.3:
        return _line(content, rng)
    lines = content.split(b"\n")
    place = rng.randrange(len(lines))
    parts = re.split(rb"([,;\t| =]+)", lines[place])  # values, and what is between them
    column = 2 * rng.randrange((len(parts) + 1) // 2)
    kind = rng.random()
    if kind < 0.1:
        del parts[column : column + 2]
    elif kind < 0.2:
        parts[column:column] = parts[column : column + 2]
    elif kind < 0.3 and column + 1 < len(parts):
        parts[column + 1] = rng.choice((b" ", b"\t", b",", b"|", b"", b"  ", b"\xc2\xa0", b"="))
    else:
        value = _other(_read_number(parts[column].decode("utf-8", "replace")), rng)
        parts[column] = str(value).encode("utf-8", "surrogatepass")
    lines[place] = b"".join(parts)
    return b"\n".join(lines)


def _read_number(text: str) -> object:
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text


# Arrays ------------------------------------------------------------------------------------------------------------


def _array_changed(array: NDArray[Any], rng: Random) -> NDArray[Any]:
    kind = rng.random()
    if kind < 0.5 and array.size:
        return _one_value(array, rng)
    flat = array.reshape(-1)
    choices: tuple[Callable[[], NDArray[Any]], ...] = (
        lambda: array[:0],
        lambda: array[: len(array) // 2],
        lambda: np.concatenate([array, array]),
        lambda: flat,
        lambda: array[None],
        lambda: array.T,
        lambda: array[::-1],
        lambda: flat[0],
        lambda: np.zeros_like(array),
        lambda: rng.choice((np.zeros(3), np.arange(6).reshape(2, 3), np.array("x"), np.array([]))),
        lambda: array.astype(
            rng.choice(("<f2", "<f4", ">f8", "<i1", "<u8", ">i4", "?", "<c16", "<U3", "S2", "<M8[s]"))
        ),
        lambda: array.view([("a", array.dtype)]),
        lambda: np.array([Runs()], dtype=object),
    )
    return np.asarray(rng.choice(choices)())


def _one_value(array: NDArray[Any], rng: Random) -> NDArray[Any]:
    """The array with another number or word at one place, in its own type."""
    changed = np.array(array)
    place = rng.randrange(changed.size)
    if changed.dtype.kind in "US":
        words = [word for word in WORDS if "\ud800" not in word]
        values = changed.reshape(-1).tolist()
        values[place] = rng.choice((*words[:40], *values))
        return np.array(values, dtype=changed.dtype.kind).reshape(changed.shape)
    if changed.dtype.kind == "f":
        value = rng.choice((np.nan, np.inf, -np.inf, 0.0, -1.0, 1.0, 1e-30, 1e30, float(changed.flat[place]) * -1))
    else:
        bounds = np.iinfo(changed.dtype) if changed.dtype.kind in "iu" else np.iinfo(np.int8)
        own = int(changed.flat[place])
        value = rng.choice((bounds.min, bounds.max, 0, 1, own + 1, own - 1, -own, 2 * own, own + 1000))
        value = min(max(value, bounds.min), bounds.max)
    with np.errstate(all="ignore"):
        changed.flat[place] = value
    return changed


def _npy(array: NDArray[Any], rng: Random) -> bytes:
    stream = BytesIO()
    if rng.random() < 0.12:
        # Another shape than that of what follows it, or another type.
        shape = rng.choice(((2**40,), (2**62, 4), (-1,), (10**6, 10**6), (0,), (3, 2**31), (1,) * 33, array.shape * 2))
        kind = rng.choice((array.dtype.str, "<f8", "|O", "<U999999999", "x"))
        header: Any = {"descr": kind, "fortran_order": rng.random() < 0.2, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, header)  # type: ignore[no-untyped-call]
        stream.write(array.tobytes())
    else:
        np.save(stream, _array_changed(array, rng))
    return stream.getvalue()


def _array(content: bytes, rng: Random) -> bytes:
    return _npy(np.load(BytesIO(content), allow_pickle=False), rng)


def _arrays(content: bytes, rng: Random) -> bytes:
    """An ``.npz``: one of its arrays changed, taken out, doubled under another name or put in another's place."""
    with zipfile.ZipFile(BytesIO(content)) as packed:
        members = {name: packed.read(name) for name in packed.namelist()}
    name, other, kind = rng.choice(list(members)), rng.choice(list(members)), rng.random()
    if kind < 0.06:
        del members[name]
    elif kind < 0.1:
        members[rng.choice(("x.npy", "../up.npy", "/up.npy", "x"))] = members[name]
    elif kind < 0.18:
        members[name] = members[other]
    elif kind < 0.24:
        members[name] = rng.choice(BYTES)(members[name], rng)
    else:
        members[name] = _array(members[name], rng)
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as written:
        for member, inner in members.items():
            written.writestr(zipfile.ZipInfo(member), inner)
    return stream.getvalue()


def _tensors(content: bytes, rng: Random) -> bytes:
    """A safetensors file: its header is JSON, its numbers follow. Half of the time without digests, like older ones."""
    length = int.from_bytes(content[:8], "little")
    header, data = content[8 : 8 + length], content[8 + length :]
    kind = rng.random()
    if rng.random() < 0.5:
        without = json.loads(header)
        without["__metadata__"].pop("digests", None)
        header = json.dumps(without).encode()
    if kind < 0.3:
        return len(header).to_bytes(8, "little") + header + _number(data, rng)
    values = json.loads(header)
    if kind < 0.6 and "__metadata__" in values:
        key = rng.choice(list(values["__metadata__"]))
        inner = _json_value(values["__metadata__"][key].encode(), rng).decode("utf-8", "replace")
        header = json.dumps(values | {"__metadata__": {key: inner}}).encode()
    else:
        header = _json_text(_value_changed(values, rng))
    return len(header).to_bytes(8, "little") + header + data


def _pickled(content: bytes, rng: Random) -> bytes:
    if rng.random() < 0.05:
        return pickle.dumps(Runs())
    return rng.choice(BYTES)(content, rng)


PACKERS: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    ".gz": (partial(gzip.compress, mtime=0), gzip.decompress),
    ".xz": (lzma.compress, lzma.decompress),
    ".bz2": (bz2.compress, bz2.decompress),
}
KINDS: tuple[tuple[str, Bytes], ...] = (
    (r"\.jsonl$", _json_line),
    (r"\.json$", _json_value),
    (r"\.yaml$", _yaml_value),
    (r"\.npy$", _array),
    (r"\.npz$", _arrays),
    (r"\.safetensors$", _tensors),
    (r"\.(wav|flac|ogg|mp3|sph|mfc|bin|model|index|ark|pt)$", _pickled),
    (r"", _column),
)
