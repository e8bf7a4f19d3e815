"""The lexicon file: how words are pronounced, one pronunciation per line."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import TypeAlias

from pyspeech.errors import UserError
from pyspeech.files import write_text
from pyspeech.text_files import read_text

Pronunciation: TypeAlias = tuple[str, ...]  # phones
Lexicon: TypeAlias = Mapping[str, Sequence[Pronunciation]]

VARIANT = re.compile(r"(?<=.)\(\d+\)$")  # cmudict writes the second pronunciation of READ as READ(2)
COMMENT = ";;;"
REMARK = "#"
NAME = re.compile(r"<.*>|\[.*\]")  # <unk>, [noise]: no word, in whatever case


def read_lexicon(path: Path, *, marks: bool = True) -> dict[str, list[Pronunciation]]:
    """Read lines of a word and its phones, separated by tabs or spaces; a word may have several lines.

    Lines that start with ``;;;`` are comments. With ``marks``, as in cmudict, a ``(2)`` after a word marks another
    pronunciation of it, and a ``#`` after a blank begins a remark. Stress digits stay: ``AH0`` and ``AH1`` are two
    phones.

    Raises:
        UserError: not UTF-8, a word without phones (with the line number), or no word at all.
    """
    lexicon: dict[str, list[Pronunciation]] = {}
    for number, line in enumerate(read_text(path, "lexicon"), 1):
        fields = line.split()
        if not fields or fields[0].startswith(COMMENT):
            continue
        word, phones = fields[0], tuple(fields[1:])
        if marks:
            word = VARIANT.sub("", word)
            phones = tuple(takewhile(lambda field: not field.startswith(REMARK), phones))
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


def write_lexicon(lexicon: Lexicon, path: Path) -> None:
    """Write ``WORD<TAB>P1 P2 ...`` lines, one per pronunciation, in the order of ``lexicon``."""
    lines = (f"{word}\t{' '.join(phones)}\n" for word, every in lexicon.items() for phones in every)
    write_text(path, "".join(lines))


def in_case_of(lexicon: Lexicon, words: Iterable[str]) -> Lexicon:
    """Return ``lexicon`` with its words in capitals if all of ``words`` are, or in small letters if all of those are.

    Words that become one have the pronunciations of both. Names in brackets (``<unk>``, ``[noise]``) stay as they are
    and do not count, nor does what has no case. Where ``words`` are of both cases, or none, all stays as it is.
    """
    written = {word for word in words if word.upper() != word.lower() and not NAME.fullmatch(word)}
    cases = (case for case in (str.upper, str.lower) if written and all(word == case(word) for word in written))
    case = next(cases, None)
    if case is None:
        return lexicon
    found: dict[str, list[Pronunciation]] = {}
    for word, every in lexicon.items():
        found.setdefault(word if NAME.fullmatch(word) else case(word), []).extend(every)
    return {word: list(dict.fromkeys(every)) for word, every in found.items()}
