"""Text of any language as the words that a reader says."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import lru_cache, partial

from num2words import CONVERTER_CLASSES, num2words

from pyspeech.lang.espeak import DOTTED_I
from pyspeech.lang.marks import without_marks
from pyspeech.lang.spoken import LONGEST, spoken_words

APOSTROPHES = str.maketrans("’‘ʼ´`′＇", "'" * 7)
# Three digits after a full stop, comma, apostrophe or narrow space go on with a whole number: 1.000, 1,000, 1 000.
# What reads on after another separator, as dates do, is no one number.
NUMBER = re.compile(
    r"(?<!\d[.,])(\d{1,3}(?:([.,'\u00a0\u202f])\d{3})(?:\2\d{3})*|\d+)(?:[.,](\d+))?(?![.,]?\d)|(\d+)",
)
WORD = re.compile(r"[^\W_][^\s']*(?:'[^\W_][^\s']*)*")  # of what _Plain leaves: letters, digits, marks, apostrophes
# Languages that write no spaces between words, and their characters; Japanese has Chinese ones, too.
UNSPACED = {
    "ja": "\u3040-\u30ff\u31f0-\u31ff",
    "zh": "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff",
    "th": "\u0e00-\u0e7f",
    "lo": "\u0e80-\u0eff",
    "my": "\u1000-\u109f",
    "km": "\u1780-\u17ff",
}
BY_CHARACTER = (
    "ja",
    "zh",
    "cmn",
    "yue",
    "hak",
    "nan",
    "wuu",
)  # whose characters are taken as words, as CER counts them
CHARACTERS = "".join(UNSPACED.values())
UNSPACED_CHARACTER = re.compile(rf"(?=[^\W\d])[{CHARACTERS}](?:(?!\w)[{CHARACTERS}])*")
UNSPACED_RUN = re.compile(rf"(?:{UNSPACED_CHARACTER.pattern})+")
LONGEST_WORDS = {"ja": 4, "zh": 4, "th": 10, "lo": 10, "my": 10, "km": 10}  # characters of a mean word, at most
LEAST_SHARE, KANA_SHARE = 0.2, 0.1  # of such characters among all letters; of kana beside Chinese characters
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


def spaced(text: str) -> str:
    """``text`` with its characters of UNSPACED parted by spaces; marks of vowels and tones stay with theirs."""
    return UNSPACED_CHARACTER.sub(r" \g<0> ", text)


def unspaced_language(texts: Iterable[str]) -> str:
    """The language of UNSPACED that ``texts`` are written in whole sentences of; empty if their words are parted."""
    text = "\n".join(texts)
    letters = sum(character.isalpha() for character in text)
    counts = {language: len(re.findall(f"[{characters}]", text)) for language, characters in UNSPACED.items()}
    if letters == 0 or sum(counts.values()) < LEAST_SHARE * letters:
        return ""
    language = "ja" if counts["ja"] > KANA_SHARE * counts["zh"] else max(counts, key=counts.__getitem__)
    characters = [len(UNSPACED_CHARACTER.findall(run)) for run in UNSPACED_RUN.findall(text)]
    return language if sum(characters) > LONGEST_WORDS[language] * len(characters) else ""


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
