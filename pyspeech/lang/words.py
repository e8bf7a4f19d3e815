"""Text of any language as the words that a reader says."""

import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache, partial

from num2words import CONVERTER_CLASSES, num2words

from pyspeech.lang.espeak import DOTTED_I
from pyspeech.lang.marks import without_marks
from pyspeech.lang.spoken import LONGEST, spoken_words
from pyspeech.lang.unspaced import BY_CHARACTER, spaced

APOSTROPHES = str.maketrans("’‘ʼ´`′＇", "'" * 7)
# Three digits after a full stop, comma, apostrophe or narrow space go on with a whole number: 1.000, 1,000, 1 000.
# What reads on after another separator, as dates do, is no one number.
NUMBER = re.compile(
    r"(?<!\d[.,])(\d{1,3}(?:([.,'\u00a0\u202f])\d{3})(?:\2\d{3})*|\d+)(?:[.,](\d+))?(?![.,]?\d)|(\d+)",
)
WORD = re.compile(r"[^\W_][^\s']*(?:'[^\W_][^\s']*)*")  # of what _Plain leaves: letters, digits, marks, apostrophes
NUM2WORDS_NAMES = {"nb": "no", "kk": "kz"}  # the languages that it calls otherwise than ISO 639


def words_of(language: str) -> Callable[[str], list[str]]:
    """Return the function that gives the words of a text in ``language``, in capitals and without punctuation.

    English ("en", "en-us") is read by :func:`pyspeech.lang.spoken.spoken_words`. Of other languages, named as
    ISO 639-1 with or without a region ("de", "pt-br"), letters of every script stay, with their accents and vowel
    signs, and so do inner apostrophes. Whole and decimal numbers are spelled out as cardinals where num2words knows the
    language; those that touch a letter ("1er", "B2") keep their digits, as do all numbers of other languages and of
    the language "". Other symbols ("%", "€") go without a word, and so do marks of noises (``[laughter]``, ``<unk>``).
    In Chinese and Japanese every character is a word, unless it is a letter of ours.
    """
    name = language.replace("_", "-").partition("-")[0].lower()
    if name == "en":
        return spoken_words
    return partial(_words, name, _converter(language))


def _converter(language: str) -> str:
    """The name that num2words has for a language; empty where it has none."""
    name, _, region = language.replace("_", "-").partition("-")
    name = NUM2WORDS_NAMES.get(name.lower(), name.lower())
    return next((known for known in (f"{name}_{region.upper()}", name) if known in CONVERTER_CLASSES), "")


def _words(language: str, converter: str, text: str) -> list[str]:
    text = without_marks(text)
    if converter:
        text = NUMBER.sub(partial(_number, converter), text)
    text = unicodedata.normalize("NFKC", text.translate(APOSTROPHES))
    if language in DOTTED_I:
        text = text.replace("i", "İ")
    if language in BY_CHARACTER:
        text = spaced(text)
    return WORD.findall(unicodedata.normalize("NFC", text.replace("ß", "ẞ").upper().translate(PLAIN)))


def _number(converter: str, match: re.Match[str]) -> str:
    around = match.string[max(0, match.start() - 1) : match.start()] + match.string[match.end() : match.end() + 1]
    if any(letter.upper() != letter.lower() for letter in around):
        return match[0]
    whole = re.sub(r"\D", "", match[1] or match[4])
    return f" {_say(converter, whole, match[3] or '')} "


@lru_cache(1 << 16)
def _say(converter: str, whole: str, part: str) -> str:
    if len(whole) > LONGEST or (int(whole[0]) == 0 and len(whole) > 1):
        return " ".join(_say(converter, digit, "") for digit in whole + part)
    try:
        return str(num2words(Decimal(f"{whole}.{part}") if part else int(whole), lang=converter))
    except Exception:  # each language raises its own kinds for what it cannot say
        return f"{whole}.{part}" if part else whole


class _Plain(dict[int, str | None]):
    """What stays of each character: filled as they come, of Unicode's 150,000."""

    def __missing__(self, code: int) -> str | None:
        kind = unicodedata.category(chr(code))
        self[code] = chr(code) if kind[0] in "LMN" else None if kind == "Cf" else " "
        return self[code]


PLAIN = _Plain(
    {ord("'"): "'", 0x200B: " "}  # the space without width parts words
    | dict.fromkeys((0x0640, *range(0xFE00, 0xFE10)))  # Arabic's stretching stroke, variants of symbols
)
