"""How words are written: in which case, with or without punctuation; and whether two vocabularies agree on it.

Transcripts are words as spoken, in one case. What another toolkit, or prose, brings is often the same words in another
writing, of which a language model then knows none.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Literal

from pyspeech.errors import UserError

Case = Literal["capitals", "small letters"]

NAME = re.compile(r"<.*>|\[.*\]")  # <unk>, [noise]: no word, in whatever case
MOSTLY = 0.98  # of the words of a vocabulary, that it is called one of this case
TOLERATED = 0.05  # of the words that two vocabularies share, if written alike: those that one writes otherwise
UNSHARED = 0.05  # of the smaller vocabulary: less, and the two are not of one language
OTHER: Mapping[Case, Case] = {"capitals": "small letters", "small letters": "capitals"}
LEAST_WORDS = 20  # of a vocabulary, to say so
NAMED = 3  # words in a message
PROSE = "write the text as the transcripts are, by: pyspeech lm text OUT.txt.gz TEXT"


def in_case(word: str, case: Case) -> str:
    """``word`` in ``case``, but for names in brackets (``<unk>``), which are no words; ß and ẞ are one letter."""
    if NAME.fullmatch(word):
        return word
    return word.replace("ß", "ẞ").upper() if case == "capitals" else word.lower()


def case_of(words: Collection[str]) -> Case | None:
    """The case of nearly all words that have one; None for a vocabulary of both, and where no word has a case."""
    written = [word for word in words if word.upper() != word.lower() and not NAME.fullmatch(word)]
    cases: tuple[Case, ...] = ("capitals", "small letters")
    alike = {case: sum(word == in_case(word, case) for word in written) for case in cases}
    return next((case for case in cases if written and alike[case] >= MOSTLY * len(written)), None)


def plain(text: str) -> str:
    """Fold case and strip punctuation, so that spellings of one sentence are equal.

    An apostrophe goes without a trace (``don't`` is ``dont``), any other mark or symbol parts words.
    """
    return " ".join(unicodedata.normalize("NFC", text.casefold()).translate(_MARKS).split())


def case_to_bring(ours: Collection[str], theirs: Mapping[str, int], name: str, *, any_case: bool) -> Case | None:
    """The case of our words, if those of a text or of a language model are to be brought to it; else None.

    Args:
        ours: Words of transcripts, or of a lexicon.
        theirs: The words of the other, and how often it has each (a model: once).
        name: Of the other, for the message.
        any_case: Whether it may be brought to our case from both cases at once, as a text may, and a model may not.

    Raises:
        UserError: it is prose where ours are words as spoken: with punctuation, or a model of both cases.
    """
    case = case_of(ours)
    their_case = None if case is None else case_of(theirs)
    if case is None or their_case == case:
        _refuse_prose(ours, theirs, name, fold=False)
        return None
    if their_case is None and not any_case:
        _refuse_prose(ours, theirs, name, fold=True)
        return None
    recased: Counter[str] = Counter()
    for word, count in theirs.items():
        recased[in_case(word, case)] += count
    _refuse_prose(ours, recased, name, fold=False)
    return case


def share_no_words(ours: Collection[str], theirs: Collection[str]) -> bool:
    """Whether two vocabularies, in one case, have next to nothing in common."""
    smaller = min(len(ours), len(theirs))
    return smaller >= LEAST_WORDS and len(set(ours).intersection(theirs)) < UNSHARED * smaller


def _refuse_prose(ours: Collection[str], theirs: Mapping[str, int], name: str, *, fold: bool) -> None:
    """Look at the words that both have; with ``fold`` a capital makes another writing, as a comma does."""
    bare = {_bare(word, fold) for word in ours}
    shared = otherwise = 0
    examples: list[str] = []
    for word, count in theirs.items():
        if word in ours:
            shared += count
        elif (fold or not word.isalnum()) and (key := _bare(word, fold)) and key in bare:
            otherwise += count
            examples.append(word)
    if otherwise > TOLERATED * (shared + otherwise):
        raise UserError(
            f"{name} does not write words as the transcripts do ({', '.join(map(repr, sorted(examples)[:NAMED]))}: "
            f"{otherwise / (shared + otherwise):.0%} of what both have); {PROSE}"
        )


def _bare(word: str, fold: bool) -> str:
    """A word without the punctuation at its ends, and with ``fold`` in small letters."""
    return (word.casefold() if fold else word).strip(_edges(word))


def _edges(word: str) -> str:
    return "".join({letter for letter in (word[:1], word[-1:]) if letter and _MARKS[ord(letter)] == " "})


class CharacterTable(dict[int, str | None]):
    """What stands for each character, for ``str.translate``: filled as they come, of Unicode's 150,000.

    Args:
        rule: What stands for a character; None where nothing does.
        given: Characters that the rule is not asked for.
    """

    def __init__(self, rule: Callable[[str], str | None], given: Mapping[int, str | None]) -> None:
        super().__init__(given)
        self._rule = rule

    def __missing__(self, code: int) -> str | None:
        self[code] = self._rule(chr(code))
        return self[code]


_MARKS = CharacterTable(
    lambda letter: " " if unicodedata.category(letter)[0] in "PS" else letter, dict.fromkeys(map(ord, "'’ʼ`"), "")
)
