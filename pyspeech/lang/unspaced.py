"""Text of languages that write no spaces between words."""

import re
from collections.abc import Iterable

# Languages that write no spaces between words, and their characters; Japanese has Chinese ones, too.
UNSPACED = {
    "ja": "\u3040-\u30ff\u31f0-\u31ff",
    "zh": "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff",
    "th": "\u0e00-\u0e7f",
    "lo": "\u0e80-\u0eff",
    "my": "\u1000-\u109f",
    "km": "\u1780-\u17ff",
}
# Of these characters are taken as words, as a character error rate counts them.
BY_CHARACTER = frozenset({"ja", "zh", "cmn", "yue", "hak", "nan", "wuu"})
CHARACTERS = "".join(UNSPACED.values())
UNSPACED_CHARACTER = re.compile(rf"(?=[^\W\d])[{CHARACTERS}](?:(?!\w)[{CHARACTERS}])*")
UNSPACED_RUN = re.compile(rf"(?:{UNSPACED_CHARACTER.pattern})+")
LONGEST_WORDS = {"ja": 4, "zh": 4, "th": 10, "lo": 10, "my": 10, "km": 10}  # characters of a mean word, at most
LEAST_SHARE, KANA_SHARE = 0.2, 0.1  # of such characters among all letters; of kana beside Chinese characters


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
