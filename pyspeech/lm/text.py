"""Lines of text of any size, plain or packed, or the transcripts of a manifest; read once, never held whole."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterable, Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import IO, NamedTuple, cast

from pyspeech.data.transcripts import SUFFIXES as MANIFEST_SUFFIXES
from pyspeech.data.transcripts import read_transcripts
from pyspeech.errors import UserError
from pyspeech.files import existing

SENTENCE_MARKS = frozenset({"<s>", "</s>", "<unk>", "<UNK>"})  # the last are one for KenLM
PACKED = (".gz", ".xz", ".bz2")
UNPACK_ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError)


class Line(NamedTuple):
    """One sentence: its words and where they stand (line numbers count from 1)."""

    file: Path
    number: int
    words: list[str]


def read_lines(paths: Iterable[Path]) -> Iterator[Line]:
    """Yield every line that has words, file after file.

    Raises:
        UserError: a file that is missing, damaged or not text in UTF-8, or a word that language models reserve.
    """
    for path in paths:
        lines = _transcript_lines(path) if path.name.endswith(MANIFEST_SUFFIXES) else read_text(path)
        for number, text in enumerate(lines, 1):
            if "\0" in text:
                raise UserError(f"{path}, line {number} holds a NUL character; is it text?")
            words = text.split()
            # One search for "<" spares nearly every line the check word by word.
            if "<" in text and not SENTENCE_MARKS.isdisjoint(words):
                mark = next(word for word in words if word in SENTENCE_MARKS)
                raise UserError(f"{path}, line {number} holds {mark}, which only a language model may use; remove it")
            if words:
                yield Line(path, number, words)


def read_text(path: Path) -> Iterator[str]:
    """Yield the lines of a UTF-8 text file, unpacked if its name says that it is packed.

    Raises:
        UserError: the file is missing, damaged or not UTF-8, naming the last good line.
    """
    number = 0
    try:
        # "utf-8-sig" drops the mark that some editors put before the first word.
        with TextIOWrapper(unpacked(existing(path, "text")), encoding="utf-8-sig", newline="\n") as stream:
            for line in stream:
                number += 1
                yield line
    except (*UNPACK_ERRORS, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as text after line {number} ({error}); make it again") from error


def unpacked(path: Path) -> IO[bytes]:
    """Open a file, which is packed if its name ends in one of ``PACKED``; reading it may raise ``UNPACK_ERRORS``."""
    if path.suffix == ".gz":
        return cast(IO[bytes], gzip.open(path))
    if path.suffix == ".xz":
        return lzma.open(path)
    return bz2.open(path) if path.suffix == ".bz2" else path.open("rb")


def _transcript_lines(path: Path) -> Iterator[str]:
    return (transcript.text for transcript in read_transcripts(path))
