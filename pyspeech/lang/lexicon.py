"""The lexicon file: how words are pronounced, one pronunciation per line."""

import logging
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TypeAlias

from pyspeech.errors import UserError
from pyspeech.files import write_text
from pyspeech.lang.writing import case_of, in_case
from pyspeech.text_files import read_text

Pronunciation: TypeAlias = tuple[str, ...]  # phones
Lexicon: TypeAlias = Mapping[str, Sequence[Pronunciation]]
# Line number from 1, the word and what follows it, and how many of these stand before a tab.
_Row: TypeAlias = tuple[int, Sequence[str], int]

VARIANT = re.compile(r"(?<=.)\(\d+\)$")  # cmudict writes the second pronunciation of READ as READ(2)
COMMENT = ";;;"
REMARK = "#"
NUMBER = re.compile(r"[01]|\d*\.\d+(?:[eE][-+]?\d+)?|\d+[eE]-\d+")  # no other whole number is a probability
OUTPUT = re.compile(r"\[[^\[\]]*\]")
NO_WORD = re.compile(f"{NUMBER.pattern}|{OUTPUT.pattern}")
MOST_COLUMNS = 4  # of probabilities
FEWEST_LINES = 10  # fewer may all begin with one phone
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Layout:
    """What stands between the words and the phones of a lexicon.

    ``outputs`` are HTK's, such as ``[OUTPUT]``; ``columns`` says how many columns of numbers there are: probabilities
    of the pronunciation (Kaldi's lexiconp.txt) and of silence around it (the Montreal Forced Aligner's dictionaries).
    """

    outputs: frozenset[str] = frozenset()
    columns: int = 0

    def phones(self, fields: Sequence[str]) -> tuple[str, ...]:
        """The phones among ``fields``, which are those of a line after its word."""
        if not self.outputs and not self.columns:
            return tuple(fields)
        if len(fields) > 1 and fields[0] in self.outputs:
            fields = fields[1:]
        numbers = _numbers_before(fields[: self.columns])
        return tuple(fields[numbers if numbers == self.columns else _decimals_before(fields[: self.columns]) :])


def read_lexicon(path: Path, *, marks: bool = True) -> dict[str, list[Pronunciation]]:
    """Read lines of a word and its phones, separated by tabs or spaces; a word may have several lines.

    Lines that start with ``;;;`` are comments. With ``marks``, as in cmudict, a ``(2)`` after a word marks another
    pronunciation of it, and a ``#`` after a blank begins a remark; and what the layout of the whole file shows to be
    no word and its phones is left out, and told on stderr: columns of probabilities, HTK's ``[OUTPUT]``, and, where a
    tab ends each word, entries of several words. Stress digits stay: ``AH0`` and ``AH1`` are two phones.

    Raises:
        UserError: not UTF-8, a word without phones (with the line number), or no word at all.
    """
    rows: Sequence[_Row] = list(_rows(path, marks))
    layout = Layout()
    if marks:
        rows = _without_phrases(path, rows)
        layout = layout_of([fields[1:] for _, fields, _ in rows])
        _tell(path, layout)
    lexicon: dict[str, list[Pronunciation]] = {}
    for number, (word, *fields), _ in rows:
        phones = layout.phones(fields)
        if marks:
            word = VARIANT.sub("", word)  # noqa: PLW2901 -- the word that it is a variant of
        if not phones:
            raise UserError(
                f"{path}, line {number}: '{word}' has no phones; write them after the word or drop the line"
            )
        pronunciations = lexicon.setdefault(word, [])
        if phones not in pronunciations:
            pronunciations.append(phones)
    if not lexicon:
        raise UserError(f"{path} holds no word; expected lines of a word and its phones")
    return lexicon


def layout_of(rows: Sequence[Sequence[str]]) -> Layout:
    """Find out what in a lexicon's lines, without their words, is no phone.

    No line tells alone: phones may be digits, as X-SAMPA's are, and stand in brackets. A name in brackets that stands
    before phones and nowhere else is an output. A number with a decimal point is no phone, and then the numbers before
    it are none; a column without any is one of probabilities if all its numbers are 1, and no phone is.
    """
    elsewhere = {field for fields in rows for field in (fields if len(fields) < 2 else fields[1:])}
    first = {fields[0] for fields in rows if len(fields) > 1}
    outputs = frozenset(field for field in first - elsewhere if OUTPUT.fullmatch(field))
    after = [fields[1:] if len(fields) > 1 and fields[0] in outputs else fields for fields in rows]
    columns = max((_decimals_before(fields[:MOST_COLUMNS]) for fields in after), default=0)
    if not columns and len(after) >= FEWEST_LINES and "1" not in elsewhere:
        columns = int(all(len(fields) > 1 and fields[0] == "1" for fields in after))
    return Layout(outputs, columns)


def _rows(path: Path, marks: bool) -> Iterator[_Row]:
    """Yield the lines without comments and, with ``marks``, without remarks."""
    for number, line in enumerate(read_text(path, "lexicon"), 1):
        fields = line.split()
        if fields and not fields[0].startswith(COMMENT):
            if marks and REMARK in line:
                fields[1:] = takewhile(lambda field: not field.startswith(REMARK), fields[1:])
            yield number, fields, len(line.partition("\t")[0].split()) if "\t" in line else 0


def _without_phrases(path: Path, rows: Sequence[_Row]) -> Sequence[_Row]:
    """The lines but for those of several words, which no word of a text is; a tab must end the word of all."""
    phrases = [number for number, fields, before in rows if not all(map(NO_WORD.fullmatch, fields[1:before]))]
    if not phrases or 2 * len(phrases) > len(rows) or not all(before for _, _, before in rows):
        return rows
    shown = next(" ".join(fields[:before]) for number, fields, before in rows if number == phrases[0])
    log.warning(f"{path}: left out {len(phrases)} entries of several words, such as '{shown}'")
    left = set(phrases)
    return [row for row in rows if row[0] not in left]


def _numbers_before(fields: Sequence[str]) -> int:
    return next((place for place, field in enumerate(fields) if not NUMBER.fullmatch(field)), len(fields))


def _decimals_before(fields: Sequence[str]) -> int:
    """How many of the numbers at the beginning of ``fields`` there are up to the last with a decimal point."""
    numbers = fields[: _numbers_before(fields)]
    if not numbers:
        return 0
    return max((place for place, field in enumerate(numbers, 1) if not field.isdecimal()), default=0)


def _tell(path: Path, layout: Layout) -> None:
    if layout.outputs:
        log.warning(f"{path}: words in brackets before the phones (HTK's output symbols) are not used")
    if layout.columns:
        numbers = "the column of numbers" if layout.columns == 1 else f"{layout.columns} columns of numbers"
        log.warning(f"{path}: {numbers} before the phones (probabilities): no phones, and not used")


def write_lexicon(lexicon: Lexicon, path: Path) -> None:
    """Write ``WORD<TAB>P1 P2 ...`` lines, one per pronunciation, in the order of ``lexicon``."""
    lines = (f"{word}\t{' '.join(phones)}\n" for word, every in lexicon.items() for phones in every)
    write_text(path, "".join(lines))


def in_case_of(lexicon: Lexicon, words: Collection[str]) -> Lexicon:
    """Return ``lexicon`` with its words in the case of ``words``, or as it is if they have none.

    Words that become one have the pronunciations of both.
    """
    case = case_of(words)
    if case is None:
        return lexicon
    merged: dict[str, list[Pronunciation]] = {}
    for word, every in lexicon.items():
        merged.setdefault(in_case(word, case), []).extend(every)
    return {word: list(dict.fromkeys(every)) for word, every in merged.items()}
