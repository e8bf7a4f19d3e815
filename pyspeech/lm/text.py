"""Lines of text of any size, plain or packed, or the transcripts of a manifest; read once, never held whole."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from pyspeech.errors import UserError
from pyspeech.text_files import read_text
from pyspeech.transcripts import SUFFIXES as MANIFEST_SUFFIXES
from pyspeech.transcripts import read_transcripts

SENTENCE_MARKS = frozenset({"<s>", "</s>", "<unk>", "<UNK>"})  # the last are one for KenLM


class Line(NamedTuple):
    """One sentence: its words and where they stand (line numbers count from 1)."""

    file: Path
    number: int
    words: list[str]


def is_manifest(path: Path) -> bool:
    """Whether a text is a manifest by its name, and so one of transcripts."""
    return path.name.endswith(MANIFEST_SUFFIXES)


def read_lines(paths: Iterable[Path]) -> Iterator[Line]:
    """Yield every line that has words, file after file.

    Raises:
        UserError: a file that is missing, damaged or not text in UTF-8, or a word that language models reserve.
    """
    for path in paths:
        lines = _transcript_lines(path) if is_manifest(path) else read_text(path)
        for number, text in enumerate(lines, 1):
            words = text.split()
            # One search for "<" spares nearly every line the check word by word.
            if "<" in text and not SENTENCE_MARKS.isdisjoint(words):
                mark = next(word for word in words if word in SENTENCE_MARKS)
                raise UserError(f"{path}, line {number} holds {mark}, which only a language model may use; remove it")
            if words:
                yield Line(path, number, words)


def _transcript_lines(path: Path) -> Iterator[str]:
    return (transcript.text for transcript in read_transcripts(path))
