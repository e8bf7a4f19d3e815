"""Stored arrays, read within bounds, and what they must satisfy before anything is computed with them.

One style for all formats, for numpy alone: what is wrong is a ``ValueError`` that names the array and what was found;
who reads the file adds its name and what to do.
"""

import io
import sys
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

Array = npt.NDArray[Any]

WHOLE, REAL, TEXT = "iu", "f", "U"  # kinds of numpy's types
KIND_NAMES = {WHOLE: "whole numbers", REAL: "real numbers", TEXT: "text"}
MAGIC_BYTES = 8  # of a .npy file: its sign and version, before the length of the header
MOST_HEADER_BYTES = 1024
MOST_BRACKETS = 64
COMPRESSION = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # numpy's; the others cannot be unpacked within bounds
# What reading the header of an array raises, which is Python, when it is damaged.
HEADER_DAMAGE = (
    ValueError,
    EOFError,
    SyntaxError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    RecursionError,
    MemoryError,
    tokenize.TokenError,
)
ZIP_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, OverflowError, KeyError)


def read_npz(path: Path, names: Sequence[str], most_bytes: int) -> dict[str, Array]:
    """Read arrays of a file that ``np.savez`` or ``np.savez_compressed`` wrote; their checksums are compared.

    Args:
        path: The file.
        names: Of the arrays; others in the file are left alone.
        most_bytes: Of all of them together, unpacked. A small file can promise, and even hold, any number.

    Raises:
        ValueError: it is damaged, holds more, or lacks an array.
    """
    with path.open("rb") as stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                infos = {name: archive.getinfo(f"{name}.npy") for name in names}
                if (total := sum(info.file_size for info in infos.values())) > most_bytes:
                    raise ValueError(f"its arrays promise {total} bytes, more than the {most_bytes} that can be right")
                return {name: parse_npy(_unpacked(archive, info), name) for name, info in infos.items()}
        except ZIP_DAMAGE as error:
            raise ValueError(str(error) or type(error).__name__) from error


def parse_npy(content: bytes, name: str) -> Array:
    """Return the array of a whole ``.npy`` file, which can be read only; ``name`` is for messages.

    Raises:
        ValueError: it is no such file, holds Python's objects, or not just as many values as it says.
    """
    stream, header = io.BytesIO(content), None
    with suppress(*HEADER_DAMAGE):
        version = npy.read_magic(stream)  # type: ignore[no-untyped-call]
        if _is_plain(content, 2 if version == (1, 0) else 4):
            read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            header = read_header(stream)  # type: ignore[no-untyped-call]
    if header is None:
        raise ValueError(f"array '{name}': no header of an array")
    shape, by_columns, dtype = header
    if dtype.hasobject:
        raise ValueError(f"array '{name}': holds Python's objects, which are never read")
    promised, present = prod(shape) * dtype.itemsize, len(content) - stream.tell()
    if promised != present or not dtype.itemsize or min(shape, default=0) < 0:
        raise ValueError(f"array '{name}': {dtype} of shape {shape} takes {promised} bytes, there are {present}")
    values: Array = np.frombuffer(content, dtype, offset=stream.tell())
    return values.reshape(shape, order="F" if by_columns else "C")


def _is_plain(content: bytes, length_bytes: int) -> bool:
    """Whether a header is no more than arrays need: it is Python, which crashes on what is nested thousands deep."""
    begin = MAGIC_BYTES + length_bytes
    length = int.from_bytes(content[MAGIC_BYTES:begin], "little")
    header = content[begin : begin + length]
    return length <= MOST_HEADER_BYTES and sum(map(header.count, (b"(", b"[", b"{"))) <= MOST_BRACKETS


def check_form(name: str, array: Array, kind: str, *shape: int | None) -> None:
    """Make sure of the values, by their kind (``WHOLE``, ``REAL``, ``TEXT``) or type, and of lengths; None is any.

    Raises:
        ValueError: they are others.
    """
    lengths = array.shape
    same = len(lengths) == len(shape) and all(b in (None, a) for a, b in zip(lengths, shape, strict=True))
    right = array.dtype.kind in kind if kind in KIND_NAMES else array.dtype == np.dtype(kind)
    if not right or not same:
        expected = ", ".join("any" if length is None else str(length) for length in shape)
        values = KIND_NAMES.get(kind, kind)
        raise ValueError(f"array '{name}': {array.dtype} of shape {lengths}, expected {values} of shape ({expected})")


def check_range(name: str, array: Array, least: float, most: float) -> None:
    """Make sure that all values are from ``least`` to ``most``, which NaN never is.

    Raises:
        ValueError: one is not.
    """
    # Comparing the two extremes is several times quicker than comparing all; of values with NaN they are NaN.
    if array.size:
        for value in (array.min(), array.max()):
            if not least <= value <= most:
                raise ValueError(f"array '{name}': holds {value}, expected {least} to {most}")


def check_finite(name: str, array: Array) -> None:
    """Make sure that no value is NaN or infinite.

    Raises:
        ValueError: one is.
    """
    limits = np.finfo(array.dtype)
    check_range(name, array, float(limits.min), float(limits.max))


def check_places(name: str, right: npt.NDArray[np.bool_], expected: str) -> None:
    """Make sure that the values at all places are ``right``.

    Raises:
        ValueError: naming the first place that is not, and what was ``expected``.
    """
    if not right.all():
        raise ValueError(f"array '{name}': at place {int(right.argmin())}, expected {expected}")


def check_names(name: str, values: object) -> tuple[str, ...]:
    """Return names, such as symbols or ids, which a list, or an array of one dimension, must hold.

    Raises:
        ValueError: there is something else in it, one comes twice, holds NUL, or cannot be written as UTF-8.
    """
    if isinstance(values, np.ndarray):
        check_form(name, values, TEXT, None)
        # Numbers that are no characters are a SystemError of Python.
        codes = np.frombuffer(values.tobytes(), f"{values.dtype.str[0]}u4")
        check_range(f"{name}, as characters", codes, 0, sys.maxunicode)
        values = values.tolist()
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f"array '{name}': expected a list of names")
    if len(set(values)) < len(values):
        seen: set[str] = set()
        twice = next(value for value in values if value in seen or seen.add(value))  # type: ignore[func-returns-value]
        raise ValueError(f"array '{name}': '{twice}' comes twice")
    joined = "".join(values)
    if "\0" in joined or not _is_utf8(joined):
        raise ValueError(f"array '{name}': a name holds NUL, or half of a character (a lone surrogate such as \\ud800)")
    return tuple(values)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """The bytes of a file in an archive: as many as it promises and no more, whatever would come out."""
    if info.compress_type not in COMPRESSION:
        raise ValueError(f"'{info.filename}' is compressed in a way that numpy does not use")
    with archive.open(info) as stream:
        return stream.read(info.file_size)
