"""What is wrong with a text, by itself and against the tokens that are to spell it."""

import re
import unicodedata
from collections.abc import Iterator

from pyspeech.lang.marks import marks_of, without_marks
from pyspeech.lang.tokens import TokenSet
from pyspeech.lang.unspaced import unspaced_language
from pyspeech.validation.faults import (
    EMPTY_TEXT,
    JOINED_TEXT,
    MARKED_TEXT,
    NO_TEXT,
    NOT_AS_SPOKEN,
    ODD_SPACES,
    UNCOVERED_TEXT,
    UNPRONOUNCED,
    UNSPACED_TEXT,
    UNSPELLED_IN_TEST,
    UNTIDY_TEXT,
    Finding,
)

JOINERS = "\u200c\u200d"  # invisible too, but they are part of words in Persian and in Indian scripts
INVISIBLE = ("Cc", "Cf", "Cs", "Co")  # control and format characters, half pairs, private use
WITHIN_WORDS = re.compile(r"(?<=\w)[-'’ʼ](?=\w)|['’ʼ]")  # of a word: mother-in-law, 'tis, o'clock
# The next row of a table, run into a text: it holds tabs, or begins with "id|" or, with digits in it, "id,".
NEXT_ROW = re.compile(r"\n.*\t|\t.*\n|\n\s*(\S+\||[\w./-]*\d[\w./-]*[,;])")


class TextCheck:
    """Checks texts against one token set, or none; remembers every word that it has looked up."""

    def __init__(self, tokens: TokenSet | None) -> None:
        self.tokens = tokens
        self._spelled: dict[str, bool] = {}

    def __call__(self, text: str | None, is_test: bool) -> Iterator[Finding]:
        """Find what is wrong with ``text``; what no token spells is a warning in a test set, which stays whole."""
        if text is None:
            yield Finding(NO_TEXT)
            return
        if not tidy(text):
            yield Finding(EMPTY_TEXT)
            return
        if NEXT_ROW.search(text.strip()):
            yield Finding(JOINED_TEXT)
        tidied = self.tidied(text)
        if " ".join(text.split()) != tidied:
            yield Finding(UNTIDY_TEXT, _first_oddity(text))
        elif text != tidied:
            yield Finding(ODD_SPACES)
        if (self.tokens is None or self.tokens.kind != "phones") and (marks := marks_of(tidied)):
            yield Finding(MARKED_TEXT, marks[0])
        if not tidied.isascii() and unspaced_language([tidied]):
            yield Finding(UNSPACED_TEXT)
        if self.tokens is None:
            signs = not_spoken(without_marks(tidied))
            if signs:
                yield Finding(NOT_AS_SPOKEN, f"'{signs[0]}'")
        else:
            yield from self._unspelled(self.tokens, tidied, is_test)

    def tidied(self, text: str) -> str:
        """``tidy(text)``, or only its spaces put in order where the tokens spell it in no other way."""
        tidied, spaced = tidy(text), " ".join(text.split())
        if self.tokens is None or tidied == spaced:
            return tidied
        tidied_spelled, spaced_spelled = (
            all(self._spells(self.tokens, word) for word in each.split()) for each in (tidied, spaced)
        )
        return spaced if spaced_spelled and not tidied_spelled else tidied

    def _spells(self, tokens: TokenSet, word: str) -> bool:
        if word not in self._spelled:
            self._spelled[word] = bool(tokens.pronunciations(word))
        return self._spelled[word]

    def _unspelled(self, tokens: TokenSet, text: str, is_test: bool) -> Iterator[Finding]:
        for word in text.split():
            if not self._spells(tokens, word):
                if is_test:
                    yield Finding(UNSPELLED_IN_TEST, word)
                elif tokens.kind == "phones":
                    yield Finding(UNPRONOUNCED, word)
                else:
                    uncovered = (character for character in word if not tokens.pronunciations(character))
                    yield Finding(UNCOVERED_TEXT, f"'{next(uncovered, word)}'")
                return


def tidy(text: str) -> str:
    """Composed characters (NFC), one space between words, none around them, nothing invisible but joiners."""
    if text.isprintable() and text.isascii() and "  " not in text and text == text.strip():
        return text
    visible = "".join(c for c in text if c.isspace() or c in JOINERS or unicodedata.category(c) not in INVISIBLE)
    return " ".join(unicodedata.normalize("NFC", visible).split())


def not_spoken(text: str) -> str:
    """The characters of ``text`` that are no letters, marks, spaces, joiners, or signs within words."""
    if text.isascii() and text.replace(" ", "").isalpha():
        return ""
    plain = WITHIN_WORDS.sub("", text)
    return "".join(c for c in plain if not c.isspace() and c not in JOINERS and unicodedata.category(c)[0] not in "LM")


def _first_oddity(text: str) -> str:
    if unicodedata.normalize("NFC", text) != text:
        return "not NFC"
    odd = [c for c in text if not (c.isprintable() or c.isspace()) and c not in JOINERS]
    return f"U+{ord(odd[0]):04X}"
