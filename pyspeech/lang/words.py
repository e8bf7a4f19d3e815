"""Text of any language as the words that a reader says."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache, partial

from num2words import CONVERTER_CLASSES

from pyspeech.errors import UserError
from pyspeech.lang import european, german
from pyspeech.lang.espeak import DOTTED_I
from pyspeech.lang.marks import without_marks
from pyspeech.lang.reading import (
    SYMBOLS,
    UNREAD_ROMAN,
    UNREAD_SHORT,
    Rules,
    Unsure,
    amount,
    plain_number,
    read_aloud,
    spaced_number,
    spaced_thousands,
    written,
)
from pyspeech.lang.spoken import not_said, sentences, spoken_words
from pyspeech.lang.unspaced import BY_CHARACTER, spaced
from pyspeech.lang.writing import CharacterTable

APOSTROPHES = str.maketrans("’‘ʼ´`′＇", "'" * 7)
WORD = re.compile(rf"[^\W_{SYMBOLS}][^\s']*(?:'[^\W_][^\s']*)*|[{SYMBOLS}][^\s']*")  # of what PLAIN leaves
NUM2WORDS_NAMES = {"nb": "no", "kk": "kz"}  # the languages that it calls otherwise than ISO 639
POINT = {"am", "bn", "he", "ja", "kn", "ko", "te", "th", "zh"}  # languages that write decimals after a point
# Numbers have one form there, whatever is counted. In others num2words' is that of a dictionary.
ONE_FORM = {"az", "fa", "id", "ja", "kk", "ko", "th", "tr", "vi", "zh"} | {"de"} | european.LANGUAGES
YEARS_DIFFER = {"da", "is", "nb", "nn", "no", "sv"}  # languages that read years otherwise than other numbers
# A full stop after an initial or a number that was left ends no sentence; nor does any before a small letter.
SENTENCE_END = re.compile(r"[.!?…।॥۔؟։][\"'”“»«›‹’)\]]*\s+(?=[\W_]*[^\W_])|[。！？｡](?:[”」』）]|(?=[^”」』）]))")
SOFT_HYPHEN = "\u00ad"
VULGAR_FRACTION = re.compile("[¼-¾⅐-⅞]")
NO_END = re.compile(r"(?<![^\W_])[^\W\d_]\.$")


def words_of(language: str, unsure: Unsure | None = None) -> Callable[[str], list[str]]:
    """Return the function that gives the words of a text in ``language``, in capitals and without punctuation.

    English ("en", "en-us") is read by :func:`pyspeech.lang.spoken.spoken_words`. Of other languages, named as
    ISO 639-1 with or without a region ("de", "pt-br"), letters of every script stay, with their accents and vowel
    signs, and so do inner apostrophes. German (:mod:`.german`), French, Spanish, Italian, Portuguese and Dutch
    (:mod:`.european`) are read aloud with their abbreviations, ordinals, money, units and years. In all others whole
    and decimal numbers are spelled out where num2words knows the language, as cardinals in the form that a dictionary
    has: where they inflect, as in Russian, Polish or Arabic, that may be another than the one that is said.

    What is not surely said in one way stays as it is written, digits and symbols (``20%``) too: numbers that touch a
    letter or symbol, dates, times, and all numbers of languages that num2words lacks and of the language "". Marks of
    noises (``[laughter]``, ``<unk>``) go. In Chinese and Japanese every character is a word, unless it is a letter of
    ours.

    Args:
        language: Of the text.
        unsure: Counts what stays as it is written, and what may be of another form.

    Raises:
        UserError: ``language`` is no code, as "german" is not.
    """
    name = _name(language)
    if name == "en":
        return partial(_english, unsure)
    return lambda text: _words(name, _read(name, _converter(language), unsure, text))


def sentences_of(language: str, unsure: Unsure | None = None) -> Callable[[str], Iterator[list[str]]]:
    """Return the function that yields the words of each sentence of a paragraph, as :func:`words_of` gives them.

    A sentence without words is left out. Abbreviations, initials and ordinals end none.
    """
    name = _name(language)
    if name == "en":
        return partial(_english_sentences, unsure)
    return lambda prose: _sentences(name, _read(name, _converter(language), unsure, prose))


def _name(language: str) -> str:
    if not re.fullmatch(r"(?:[A-Za-z]{2,3}(?:[-_]\w+)*)?", language):
        raise UserError(f"'{language}' is no code of a language; give one such as de or pt-br")
    return language.replace("_", "-").partition("-")[0].lower()


def _converter(language: str) -> str:
    """The name that num2words has for a language; empty where it has none."""
    name, _, region = language.replace("_", "-").partition("-")
    name = NUM2WORDS_NAMES.get(name.lower(), name.lower())
    return next((known for known in (f"{name}_{region.upper()}", name) if known in CONVERTER_CLASSES), "")


def _english(unsure: Unsure | None, text: str) -> list[str]:
    if unsure is not None:
        unsure.left.update(not_said(text))
    return spoken_words(text)


def _english_sentences(unsure: Unsure | None, prose: str) -> Iterator[list[str]]:
    if unsure is not None:
        unsure.left.update(not_said(prose))
    return sentences(prose)


def _read(name: str, converter: str, unsure: Unsure | None, text: str) -> str:
    if name in european.LANGUAGES:
        rules = european.rules(converter)
    else:
        rules = german.RULES if name == "de" else _cardinals(name, converter)
    text = without_marks(text).translate(APOSTROPHES).replace(SOFT_HYPHEN, "")
    said = read_aloud(rules, text, None if unsure is None else unsure.left)
    if unsure is not None and converter and name not in ONE_FORM:
        unsure.inflected += max(0, len(re.findall(r"\d+", text)) - len(re.findall(r"\d+", written(said))))
    return said


def _sentences(name: str, text: str) -> Iterator[list[str]]:
    start = 0
    for end in SENTENCE_END.finditer(text):
        following = text[end.end() :].lstrip("\"'„“”«»‹›¿¡([ ")[:1]
        if following.islower() or NO_END.search(text[max(start, end.start() - 3) : end.start() + 1]):
            continue
        yield from filter(None, [_words(name, text[start : end.end()])])
        start = end.end()
    yield from filter(None, [_words(name, text[start:])])


def _words(name: str, text: str) -> list[str]:
    # Else two and a half would be "21⁄2".
    text = unicodedata.normalize("NFKC", VULGAR_FRACTION.sub(r" \g<0> ", written(text)))
    if name in DOTTED_I:
        text = text.replace("i", "İ")
    if name in BY_CHARACTER:
        text = spaced(text)
    return WORD.findall(unicodedata.normalize("NFC", text.replace("ß", "ẞ").upper().translate(PLAIN)))


@lru_cache(64)
def _cardinals(name: str, converter: str) -> Rules:
    """The rules of a language without a table: numbers beside which nothing says that they are another thing."""
    if not converter:
        return Rules((UNREAD_SHORT,), (UNREAD_ROMAN,))
    decimal = "." if name in POINT else ","

    def say(match: re.Match[str]) -> str | None:
        if name in YEARS_DIFFER and re.fullmatch(r"1[1-9]\d\d", match[0]):
            return None
        return amount(converter, match[0], decimal)

    numbers = ((re.compile(spaced_number()), spaced_thousands), (re.compile(plain_number(decimal)), say))
    return Rules((UNREAD_SHORT,), (UNREAD_ROMAN,), numbers)


def _plain(character: str) -> str | None:
    kind = unicodedata.category(character)
    return character if kind[0] in "LMN" or character in SYMBOLS else None if kind == "Cf" else " "


PLAIN = CharacterTable(
    _plain,
    {ord("'"): "'", 0x200B: " "}  # the space without width parts words
    | dict.fromkeys((0x0640, *range(0xFE00, 0xFE10))),  # Arabic's stretching stroke, variants of symbols
)
