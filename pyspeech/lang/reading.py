"""Numbers, symbols and abbreviations read aloud: a language's rules put words for them, or leave them as they are.

What a rule leaves is written in characters that no other rule knows, until all are through; so it can be counted.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache, partial
from textwrap import shorten

from num2words import num2words

Say = Callable[[re.Match[str]], str | None]  # words for what is found; None leaves it, as how it is said is not sure
Rule = tuple[re.Pattern[str], Say]


@dataclass(frozen=True)
class Rules:
    """The rules of a language, of which each kind is tried in its order where a text has what it reads.

    Args:
        words: For abbreviations and what else is letters.
        roman: For Roman numerals, after ``words``.
        numbers: For all that holds digits or SYMBOLS, after ``roman``, which may leave digits.
    """

    words: tuple[Rule, ...] = ()
    roman: tuple[Rule, ...] = ()
    numbers: tuple[Rule, ...] = ()


SYMBOLS = "%‰€$£¥¢₹₽₺₩₴§&@+=°×÷±⁄"  # that are said as words; quotation marks, dashes and brackets are not
LONGEST = 15  # digits that are read as one number; more, and those after a leading zero, are read one by one
MOST_TOLD = 8
LONGEST_TOLD = 40  # characters
# Groups of three digits after the same mark are one whole number: 1.000, 1 000, 1'000.
GROUPED = r"\d{1,3}(?:\.\d{3})+(?!\d)|\d{1,3}(?:['\u00a0\u202f]\d{3})+(?!\d)|\d+"
GROUPED_BY_COMMA = GROUPED.replace(r"\.", ",")
_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
_SHIFT = 0xF0000
_AT_EDGES = ".,;:!?…\"„“”«»‹›()[]{}'’‘*_-–— "
_BESIDE = re.compile(rf"[\w{SYMBOLS}{chr(_SHIFT)}-{chr(_SHIFT + 0xFFFD)}]")
# Of a run without blanks, all but what ends a sentence; scripts that write no blanks begin a new one.
_JOINED = (
    r"[^\s\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef"
    r"\U000f0000-\U000fffff—…]"
)
# Rules look far ahead and back: of what is longer than any word or paragraph, the time would grow with its square.
_NO_WORD = re.compile(rf"{_JOINED}{{100,}}")
_PIECE = re.compile(r"(?s:.{1,2000}\Z|.{1,2000}(?<=[.!?]\s)|.{1,2000}(?<=\s)|.{1,2000})")
_AFTER_END = re.compile(r"[.!?…]\W*\s\W*$")
_LEFT = re.compile(f"[{chr(_SHIFT)}-{chr(_SHIFT + 0xFFFD)}]+")
_NUMBERS = r"\d²³¹⁰-₉¼-¾⅐-↋①-⓿❶-➓㉑-㊿㈠-㉃"  # within words some are right, as in "m²", but no letters
_NUMBER = re.compile(rf"[{_NUMBERS}{SYMBOLS}]")
_COMPARED = re.compile(r"\d[\d.,]*\s?[<>^≈≤≥≠~*]\s?\d[\d.,]*|(?<![\w.,])[1-9][\d.,]*\s:\s\d[\d.,]*")
_MAYBE_ROMAN = re.compile(r"\b[IVX]+(?:\b|(?=e))")
_RUN = rf"{_JOINED}*[{_NUMBERS}{SYMBOLS}](?:{_JOINED}*[\w{SYMBOLS}])?"
_UNREAD = re.compile(rf"{_RUN}(?:\s(?=[{SYMBOLS}]){_RUN})?")


def leave(text: str) -> str:
    """``text`` in characters that no rule reads; :func:`written` undoes it."""
    return "".join(chr(_SHIFT + ord(letter)) if ord(letter) < 0xFFFE else letter for letter in text)


def written(text: str) -> str:
    """``text`` with all that was left as it was written."""
    return _LEFT.sub(lambda match: "".join(chr(ord(letter) - _SHIFT) for letter in match[0]), text)


def read_aloud(rules: Rules, text: str, unread: Counter[str] | None = None) -> str:
    """``text`` with words for what the rules, one after the other, read; what still holds digits or symbols is left.

    Args:
        rules: Of the language.
        text: What a paragraph says.
        unread: Counts what was left, as it is written.
    """
    text = _NO_WORD.sub(lambda match: leave(match[0]), _LEFT.sub(" ", text))
    text = "".join(_read_piece(rules, piece) for piece in _PIECE.findall(text))
    if unread is not None:
        unread.update(filter(None, (written(run).strip(_AT_EDGES) for run in _LEFT.findall(text))))
    return text


def _read_piece(rules: Rules, text: str) -> str:
    text = _apply(rules.words, text)
    if _MAYBE_ROMAN.search(text):
        text = _apply(rules.roman, text)
    if _NUMBER.search(text):
        text = _apply(rules.numbers, _COMPARED.sub(lambda match: leave(match[0]), text))
    return _UNREAD.sub(lambda match: leave(match[0]), text)


def _apply(rules: Iterable[Rule], text: str) -> str:
    for pattern, say in rules:
        text = pattern.sub(partial(_said, say), text)
    return text


def _said(say: Say, match: re.Match[str]) -> str:
    said = say(match)
    if said is None:
        return leave(match[0])
    if said == match[0]:
        return said
    if _AFTER_END.search(match.string[max(0, match.start() - 9) : match.start()]):
        said = _capital(said)  # so that the end of the sentence before is still seen
    # What stood beside digits without a blank is a word of its own beside words.
    before = _BESIDE.match(match.string, match.start() - 1) if match.start() else None
    after = _BESIDE.match(match.string, match.end())
    return f"{' ' if before else ''}{said}{' ' if after else ''}"


@dataclass
class Unsure:
    """What of a text may be said otherwise than its words are.

    Args:
        left: What stays as it is written, and how often.
        inflected: Numbers that were read in one form of several.
    """

    left: Counter[str] = field(default_factory=Counter)
    inflected: int = 0

    def lines(self) -> Iterator[str]:
        """What there is to tell, one line each."""
        if self.left:
            most = ", ".join(
                f"{shorten(text, LONGEST_TOLD)} ({count})" for text, count in self.left.most_common(MOST_TOLD)
            )
            yield (
                f"numbers, symbols or abbreviations stay as they are written, {self.left.total()} in all, as it is not "
                f"sure how they are said: {most}{', ...' if len(self.left) > MOST_TOLD else ''}; write them as words"
            )
        if self.inflected:
            yield (
                f"{self.inflected} numbers are said in the form that a dictionary has; where the language has others, "
                "write their words"
            )


@lru_cache(1 << 16)
def cardinal(converter: str, whole: str, part: str = "", point: str = "") -> str | None:
    """The words of num2words' language ``converter`` for digits; None where it has none.

    Args:
        converter: The language.
        whole: Digits before the decimal mark.
        part: Those after it.
        point: How the decimal mark is said; as num2words says it unless given.
    """
    if part:
        return _decimal(converter, whole, part, point)
    if len(whole) > LONGEST or (int(whole[0]) == 0 and len(whole) > 1):
        return one_by_one(converter, whole)
    try:
        return str(num2words(int(whole), lang=converter)).replace(",", " ")  # of Brazil's "mil, novecentos"
    except Exception:  # each language raises its own kinds for what it cannot say
        return None


def _decimal(converter: str, whole: str, part: str, point: str) -> str | None:
    point, one_number = (point, False) if point else _decimal_point(converter)
    zeros = len(part) - len(part.lstrip("0"))
    if one_number and part[zeros:]:
        after = f"{one_by_one(converter, part[:zeros])} {cardinal(converter, part[zeros:])}"
    else:
        after = one_by_one(converter, part)
    before = cardinal(converter, whole)
    return f"{before} {point} {after}" if before and point else None


@lru_cache(64)
def _decimal_point(converter: str) -> tuple[str, bool]:
    """How num2words says a decimal mark, and whether it reads what follows as one number; empty where it does not.

    Some of its languages say no decimals at all, in silence, and others lose zeros: only its word is taken.
    """
    try:
        said = str(num2words(Decimal("3.14"), lang=converter))
    except Exception:  # each language raises its own kinds for what it cannot say
        return "", False
    three = cardinal(converter, "3") or ""
    for one_number, after in ((False, one_by_one(converter, "14")), (True, cardinal(converter, "14") or "")):
        middle = r"\s*(\w[\w\s]*?)\s*"
        if match := re.fullmatch(f"{re.escape(three)}{middle}{re.escape(after).replace(chr(92) + ' ', ' *')}", said):
            return match[1], one_number
    return "", False


def one_by_one(converter: str, digits: str) -> str:
    """Each digit as a word."""
    return " ".join(filter(None, (cardinal(converter, digit) for digit in digits if digit.isdigit())))


def amount(converter: str, number: str, decimal: str = ",", point: str = "") -> str | None:
    """The words for a number as it is written, with its groups and the part after ``decimal``."""
    whole, _, part = number.partition(decimal)
    return cardinal(converter, re.sub(r"\D", "", whole), part, point)


def spaced_thousands(match: re.Match[str]) -> str | None:
    """Thousands parted by spaces, for a rule that reads groups; two numbers beside each other look alike."""
    groups = match[0].split()
    sure = len(groups) > 2 or (groups[-1] == "000" and groups[0][0] != "0")
    return "\u202f".join(groups) if sure else None


def spelled_out(words: Mapping[str, str]) -> tuple[Rule, ...]:
    """The rule that puts words for abbreviations, which end in a full stop.

    One that may end a sentence, as "etc." does, keeps its full stop before a capital.
    """
    words = {**words, **{_capital(short): _capital(full) for short, full in words.items()}}
    # Between the letters of "z. B." there may be a space, or none.
    forms = {re.sub(r"\s", "", short): full for short, full in words.items()}
    shorts = sorted(words, key=len, reverse=True)
    either = "|".join(re.sub(r"\\?\s", r"\\s?", re.escape(short)) for short in shorts)
    # Words that no full stop or hyphen ends are left alone at once.
    pattern = re.compile(
        rf"(?<![\w.])(?=\w{{1,9}}(?: \w{{1,9}})?[.-])(?:{either})(\s+(?=[^\W\d_a-zß])|\s*$)?", re.UNICODE
    )

    def say(match: re.Match[str]) -> str:
        full = forms[re.sub(r"\s", "", match[0])]
        return f"{full}. " if match[1] is not None and match[0].strip().lower() in ENDS else full

    return ((pattern, say),)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


ENDS = frozenset({"usw.", "etc.", "usf.", "ecc.", "enz."})  # what may stand at the end of a sentence


def roman(numeral: str) -> int:
    """The number that a Roman numeral of the letters I to C is; 0 if it is none."""
    if not re.fullmatch(r"C{0,3}(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})", numeral):
        return 0
    values = [_ROMAN[letter] for letter in numeral]
    return sum(-a if a < b else a for a, b in zip(values, [*values[1:], 0], strict=True))


def _surely_roman(match: re.Match[str]) -> str | None:
    # In capitals alone "XI" may be a name.
    return None if roman(match[0]) and match[0] not in ("XX", "XXX") and not match.string.isupper() else match[0]


UNREAD_ROMAN: Rule = (re.compile(r"(?<![\w.-])[IVX]{2,}(?![\w-])"), _surely_roman)  # leaves what no rule has read


def _surely_short(match: re.Match[str]) -> str | None:
    """A full stop that ends no sentence, as what follows has a small letter, ends an abbreviation."""
    following = match.string[match.end() :].lstrip()[:1]
    sure = (following == "," or following.islower()) and not roman(match[0][:-1])
    return None if sure else match[0]


UNREAD_SHORT: Rule = (
    re.compile(r"(?<![\w.])(?<!\d\s)(?:[^\W\d_]{1,4}\.\s?)*[^\W\d_]{1,4}\.(?=,|\s+[^\W\d_])"),
    _surely_short,
)


def plain_number(decimal: str) -> str:
    """The pattern of a number beside which nothing says that it is another thing: part of a date, an ordinal, ..."""
    grouped = GROUPED_BY_COMMA if decimal == "." else GROUPED
    before = rf"(?<![\w.,:/'–−{SYMBOLS}-])(?<![{SYMBOLS}]\s)"
    units = r"\s?(?:km|kg|cm|mm|ml|mg|m|g|h|l)\b"
    after = rf"(?![\w:/–−-]|[.,']\w|\s?[{SYMBOLS}]|\.\s+[^\W\d_A-ZÀ-Þ]|{units})"
    # After the decimal mark three digits may be a group, as English has them.
    return rf"{before}(?:{grouped})(?:{re.escape(decimal)}(?:\d{{1,2}}|\d{{4,}}))?{after}"


def spaced_number() -> str:
    """The pattern of what :func:`spaced_thousands` reads."""
    return rf"(?<![\w.,:/'–−{SYMBOLS}-])\d{{1,3}}(?: \d{{3}})+(?![\w:/–−-]|[.,']\d|\s\d)"
