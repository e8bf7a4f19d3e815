"""English prose as the words that a reader says: capitals without punctuation, numbers and titles spelled out."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache, partial

from num2words import num2words

from pyspeech.lang.marks import without_marks

TITLES = {
    "mr": "mister",
    "mrs": "missus",
    "dr": "doctor",
    "drs": "doctors",
    "st": "saint",
    "co": "company",
    "jr": "junior",
    "maj": "major",
    "gen": "general",
    "rev": "reverend",
    "lt": "lieutenant",
    "hon": "honorable",
    "sgt": "sergeant",
    "capt": "captain",
    "esq": "esquire",
    "ltd": "limited",
    "col": "colonel",
    "ft": "fort",
    "inc": "incorporated",
}  # the abbreviations that LJSpeech's README lists ("No." is with the numbers), and "Inc." of its texts
# With a capital; without a full stop, as British books print some, only what is no word or name of its own.
TITLE = re.compile(rf"\b(?-i:(?=[A-Z]))(?:({'|'.join(TITLES)})\.|(mrs?|drs?)\b)", re.IGNORECASE)
PLAIN = str.maketrans(
    {"Æ": "AE", "æ": "ae", "Œ": "OE", "œ": "oe", "Ø": "O", "ø": "o", "Ł": "L", "ł": "l", "Đ": "D", "đ": "d"}
    | {"½": " a half ", "¼": " a quarter ", "¾": " three quarters ", "&": " and ", "%": " percent "}
    | {
        "°": " degrees ",
        "+": " plus ",
        "=": " equals ",
        "×": " times ",
        "@": " at ",
        "§": " section ",
        "‰": " per mille ",
    }
    | {"’": "'", "‘": "'", "ʼ": "'", "`": "'", "“": '"', "”": '"', "\xad": None, "\ufeff": None, "\u200b": None}
)
ET_CETERA = re.compile(r"(?<!\w)&c\b", re.IGNORECASE)
WORD = re.compile("[A-Z]+(?:'[A-Z]+)*")  # an apostrophe at either end may be a quotation mark
SENTENCE_END = re.compile(r"(?<=[.!?])['\")\]]*\s+(?=['\"(\[]*[A-Z])")
# A full stop after a title, or after an initial other than the word "I", ends no sentence; the last 10 characters tell.
NO_END = re.compile(rf"\b(?:(?-i:(?=[A-Z]))(?:{'|'.join(TITLES)}|messrs)|(?-i:[A-HJ-Z]))\.$", re.IGNORECASE)
INTEGER = r"(\d{1,3}(?:,\d{3})+(?!\d)|\d+)"
MONEY = {
    "£": (("pound", "pounds"), ("penny", "pence")),
    "$": (("dollar", "dollars"), ("cent", "cents")),
    "€": (("euro", "euros"), ("cent", "cents")),
}
NOT_SAID = re.compile(r"[^\W\d_A-Za-z]+|[¥¢₹₽₺₩₴÷±]")  # of what _plain leaves
LONGEST = 15  # digits that are read as one number; more, and those after a leading zero, are read one by one


def spoken_words(text: str) -> list[str]:
    """Return the words of ``text``, of the letters A to Z and inner apostrophes.

    Accents go, and so do letters of other scripts; hyphens part words; Roman numerals stay. Numbers are read without
    "and"; 1100 to 1999 and 2010 to 2099 as years, unless a comma parts their digits. Marks of noises are no words.
    """
    return _words(_plain(text))


def sentences(prose: str) -> Iterator[list[str]]:
    """Yield the spoken words of each sentence of a paragraph; a sentence without words is left out."""
    text, start = _plain(prose), 0
    for gap in SENTENCE_END.finditer(text):
        if not NO_END.search(text[max(start, gap.start() - 10) : gap.start()]):
            yield from filter(None, [_words(text[start : gap.start()])])
            start = gap.end()
    yield from filter(None, [_words(text[start:])])


def not_said(text: str) -> list[str]:
    """What of ``text`` goes without a word: letters of other scripts, symbols."""
    return [] if text.isascii() else NOT_SAID.findall(_plain(text))


def _plain(text: str) -> str:
    text = ET_CETERA.sub("etc", without_marks(text))
    text = re.sub(r"(?<=\d)\s?(?=[½¼¾])", " and ", text).translate(PLAIN)
    return re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFKD", text))  # combining marks


def _words(text: str) -> list[str]:
    text = TITLE.sub(lambda match: TITLES[(match[1] or match[2]).lower()], text)
    if re.search(r"\d", text):
        for pattern, say in NUMBERS:
            text = re.sub(pattern, partial(_spaced, say), text)
    return WORD.findall(re.sub(r"\bETC\b", "ET CETERA", text.upper()))


def _spaced(say: Callable[..., str], match: re.Match[str]) -> str:
    return f" {say(*match.groups())} "


@lru_cache(1 << 16)
def _say(digits: str, kind: str = "cardinal") -> str:
    plain = digits.replace(",", "")
    if len(plain) > LONGEST or (plain[0] == "0" and plain != "0"):
        return _digits(plain)
    return str(num2words(int(plain), to=kind)).replace(" and ", " ")


def _digits(digits: str) -> str:
    return " ".join(_say(digit) for digit in digits)


def _units(amount: str, one: str, several: str) -> str:
    return f"{_say(amount)} {one if int(amount.replace(',', '')) == 1 else several}"


def _money(sign: str, whole: str, part: str | None) -> str:
    units, parts = MONEY[sign]
    return _units(whole, *units) + (f" {_units(part, *parts)}" if part and int(part) else "")


def _time(hour: str, minute: str) -> str:
    return f"{_say(hour)} {'' if minute == '00' else 'oh ' * (minute[0] == '0') + _say(str(int(minute)))}"


# In this order; what one rule has read holds no digits for the next.
NUMBERS: tuple[tuple[str, Callable[..., str]], ...] = (
    (r"\b[Nn][Oo](s?)\.\s?(?=\d)", lambda plural: f"number{plural}"),
    (rf"([£$€])\s?{INTEGER}(?:\.(\d\d)(?!\d))?", _money),
    (r"(\d{1,2})(?::|\.(?=\d\d\s?[ap]\.?\s?m\b))([0-5]\d)(?!\d)", _time),
    (r"\b(1[1-9]\d0|20\d0|(?<=')[2-9]0|[2-9]0(?!'?s\.))'?s\b", lambda y: f"{_say(y, 'year')}s".replace("ys", "ies")),
    (rf"{INTEGER}\s?s\.", lambda amount: _units(amount, "shilling", "shillings")),
    (rf"{INTEGER}\s?d\.", lambda amount: _units(amount, "penny", "pence")),
    (rf"{INTEGER}(?:st|nd|rd|th)\b", lambda digits: _say(digits, "ordinal")),
    (rf"{INTEGER}?\.(\d+)", lambda whole, part: f"{_say(whole) if whole else ''} point {_digits(part)}"),
    (r"(?<!\d)(1[1-9]\d\d|20[1-9]\d)(?!\d|,\d{3}\b)", lambda year: _say(year, "year")),
    (INTEGER, _say),
)
