"""Text that may come from anywhere, read in one way and within bounds: lines of UTF-8, one at a time."""

import bz2
import codecs
import gzip
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from pyspeech.errors import UserError
from pyspeech.files import existing

PACKED = (".gz", ".xz", ".bz2")
# A truncated or damaged packed stream shows as one of these, depending on where the damage is.
UNPACK_ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError)
MAX_LINE_BYTES = 16 << 20  # of one line
OTHER_MARKS = {  # of byte order; those of 32 bits first, which begin as the others do
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


class CutShortError(Exception):
    """A file cannot be read on; the message is the reason."""


def unpacked(path: Path) -> IO[bytes]:
    """Open a file, which is packed if its name ends in one of ``PACKED``; reading it may raise ``UNPACK_ERRORS``."""
    if path.suffix == ".gz":
        return cast(IO[bytes], gzip.open(path))
    if path.suffix == ".xz":
        return lzma.open(path)
    return bz2.open(path) if path.suffix == ".bz2" else path.open("rb")


def read_raw_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (line number from 1, bytes) for every line, unpacked if the file's name says that it is packed.

    No more than one line and a byte too many are in memory; what is longer than ``MAX_LINE_BYTES`` is the last.

    Raises:
        CutShortError: the file is damaged, or cannot be read.
    """
    number = 0
    try:
        with unpacked(path) as stream:
            while line := stream.readline(MAX_LINE_BYTES + 1):
                number += 1
                yield number, line
                if len(line) > MAX_LINE_BYTES:
                    return
    except UNPACK_ERRORS as error:
        raise CutShortError(str(error)) from error


def read_text(path: Path, what: str = "text") -> Iterator[str]:
    """Yield the lines of ``what`` with their ends, unpacked if its name says that it is packed; it may be a pipe.

    Lines end as Linux and Windows end them. The mark that some editors put before the first word is left out.

    Raises:
        UserError: it is missing, a folder, damaged, not UTF-8, or holds NUL or a line without end, naming the line.
    """
    if existing(path, what).is_dir():
        raise UserError(f"{path} is a folder; the {what} must be a file")
    number = 0
    try:
        for number, line in read_raw_lines(path):
            try:
                if number == 1 or b"\0" in line or len(line) > MAX_LINE_BYTES:
                    line = _checked(line)  # noqa: PLW2901 -- without the mark
                text = line.decode()
            except ValueError as error:
                reason = _reason(error)
                raise UserError(f"{path}, line {number} {reason}; make it again, or convert it with iconv") from error
            if text:  # more than the mark
                yield text
    except CutShortError as error:
        raise UserError(f"{path} cannot be read as text after line {number} ({error}); make it again") from error


def _checked(line: bytes) -> bytes:
    for mark, name in OTHER_MARKS.items():
        if line.startswith(mark):
            raise ValueError(f"begins a text in {name}, not UTF-8")
    if b"\0" in line:
        raise ValueError("holds a NUL character and is no text")
    if len(line) > MAX_LINE_BYTES:
        raise ValueError(f"has more than {MAX_LINE_BYTES >> 20} MiB and is no text")
    return line.removeprefix(codecs.BOM_UTF8)


def _reason(error: ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"is not UTF-8 (byte 0x{error.object[error.start]:02x} at {error.start + 1})"
    return str(error)
