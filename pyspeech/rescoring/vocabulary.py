"""The words of a search through an acoustic model's scores, and how each is spelled in the model's tokens."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TypeAlias

from pyspeech.errors import UserError
from pyspeech.lang.lexicon import Pronunciation
from pyspeech.lang.pronunciations import espeak_phones
from pyspeech.lang.tokens import TokenSet
from pyspeech.lm.text import SENTENCE_MARKS
from pyspeech.text_files import read_text

EPSILON, UNKNOWN = "<eps>", "<unk>"  # the words 0 and 1 of a vocabulary
RESERVED = SENTENCE_MARKS | {EPSILON}
NEAREST, NAMED_PHONES = 3, 5  # how many phones an error names
# Sounds of other languages, which espeak-ng says in names, and what English speakers say for them.
NATIVE = {"r": "ɹ", "ʁ": "ɹ", "x": "k", "ç": "k", "ɬ": "l", "e": "ɛ", "o": "ɔ", "a": "æ", "y": "u", "ø": "ɜ", "œ": "ɜ"}

NewWords: TypeAlias = Mapping[str, Sequence[Pronunciation]]
Spelling: TypeAlias = tuple[int, ...]  # token ids


@dataclass(frozen=True)
class Vocabulary:
    """Words by id, and every way to spell them.

    Attributes:
        words: ``<eps>``, ``<unk>``, then the words that can be spelled, sorted.
        spellings: Word id and token ids (at least one, no blank), by ascending word id; a word may have several.
        dropped: Why a word that was asked for is left out, for those that are, sorted.
        approximated: The words that espeak-ng pronounces with a phone that the token set lacks and a like one stands
            for, sorted.
    """

    words: tuple[str, ...]
    spellings: tuple[tuple[int, Spelling], ...]
    dropped: Mapping[str, str]
    approximated: tuple[str, ...]


def read_new_words(path: Path, tokens: TokenSet) -> dict[str, list[Pronunciation]]:
    """Read words to add, one a line, alone or with a pronunciation: phones parted by blanks.

    A word may stand on several lines, with a pronunciation each. Empty lines are passed over.

    Raises:
        UserError: no word at all, not UTF-8, a word that language models reserve, a phone that ``tokens`` has not, or
            a pronunciation although ``tokens`` are no phones; with the number of the line.
    """
    new: dict[str, list[Pronunciation]] = {}
    for number, line in enumerate(read_text(path, "list of new words"), 1):
        where, fields = f"{path}, line {number}", line.split()
        if not fields:
            continue
        word, phones = fields[0], tuple(fields[1:])
        if word in RESERVED:
            raise UserError(f"{where}: {word} is a mark, not a word; remove the line")
        _check_phones(where, word, phones, tokens)
        pronunciations = new.setdefault(word, [])
        if phones and phones not in pronunciations:
            pronunciations.append(phones)
    if not new:
        raise UserError(f"{path} holds no word; write one a line, with or without its pronunciation")
    return new


def _check_phones(where: str, word: str, phones: Pronunciation, tokens: TokenSet) -> None:
    if phones and tokens.kind != "phones":
        raise UserError(
            f"{where}: '{word}' has a pronunciation ({' '.join(phones)}), but the model's tokens are {tokens.kind}; "
            "write one word a line and nothing else"
        )
    for phone in phones:
        if phone not in tokens.symbols[1:]:
            close = get_close_matches(phone, tokens.symbols[1:], NEAREST, cutoff=0) or tokens.symbols[1:]
            raise UserError(
                f"{where}: '{word}' has the phone '{phone}', which the model lacks; nearest: {' '.join(close)}"
            )


def make_vocabulary(words: Iterable[str], new: NewWords, tokens: TokenSet, espeak: str | None) -> Vocabulary:
    """Spell ``words`` and the ``new`` ones, each in all its ways.

    Characters and pieces are those of the word's writing. Phones are those of the token set's lexicon, to which a
    pronunciation in ``new`` is added: it tells of one more way to say the word. Where there is neither, espeak-ng
    pronounces the word in the language ``espeak``, in ARPAbet if the phones are. For a phone of espeak-ng's that the
    token set lacks stands the one that differs in length or nasality only, else its parts (``aɪ`` as ``a ɪ``), else
    what English has for it; where these lack too, the word is dropped. Marks such as ``<s>`` are no words and left out.

    Raises:
        UserError: no word can be spelled, or no phone of the token set is espeak-ng's.
        MissingPackage: espeak-ng is needed and not installed.
    """
    wanted = sorted({*words, *new} - RESERVED - {""})
    ids = {symbol: id_ for id_, symbol in enumerate(tokens.symbols) if id_}
    ways: dict[str, list[Spelling]] = {}
    for word in wanted:
        given = [tuple(ids[phone] for phone in phones) for phones in new.get(word, ())]
        ways[word] = list(dict.fromkeys([*map(tuple, tokens.pronunciations(word)), *given]))
    unspelled = [word for word in wanted if not ways[word]]
    dropped: dict[str, str] = {}
    approximated: list[str] = []
    if tokens.kind != "phones":
        dropped = {word: _uncovered(word, tokens) for word in unspelled}
    elif espeak is None:
        dropped = dict.fromkeys(unspelled, "not in the lexicon, and no language is given for espeak-ng")
    elif unspelled:
        likes = _Likes(ids)
        for word, phones in _ask_espeak(unspelled, espeak, ids).items():
            if lacking := [phone for phone in phones if not likes[phone]]:
                dropped[word] = f"espeak-ng ({espeak}) says '{lacking[0]}', which is no phone of the model"
            elif not phones:
                dropped[word] = f"silent to espeak-ng ({espeak})"
            else:
                ways[word] = [tuple(id_ for phone in phones for id_ in likes[phone])]
                if not ids.keys() >= set(phones):
                    approximated.append(word)
    found = [word for word in wanted if ways[word]]
    if not found:
        reason = next((f" ('{word}': {why})" for word, why in dropped.items()), "")
        raise UserError(f"none of {len(wanted)} words can be spelled{reason}; give other words, or a lexicon that fits")
    spellings = tuple((id_, spelling) for id_, word in enumerate(found, 2) for spelling in ways[word])
    return Vocabulary((EPSILON, UNKNOWN, *found), spellings, dropped, tuple(approximated))


def _ask_espeak(words: Sequence[str], language: str, ids: Mapping[str, int]) -> dict[str, Pronunciation]:
    spoken = dict(zip(words, espeak_phones(words, language, ids), strict=True))
    theirs = {phone for phones in spoken.values() for phone in phones}
    if theirs and ids.keys().isdisjoint(theirs):
        raise UserError(
            f"the model's phones are {_some(ids)}, espeak-ng's {_some(theirs)}: none is shared; "
            "leave espeak-ng out and give pronunciations of new words"
        )
    return spoken


def _some(phones: Iterable[str]) -> str:
    return " ".join(sorted(phones)[:NAMED_PHONES])


def _uncovered(word: str, tokens: TokenSet) -> str:
    lacking = [character for character in word if not tokens.pronunciations(character)]
    return f"no token covers '{lacking[0]}'" if lacking else "no tokens spell it"


class _Likes(dict[str, Spelling]):
    """The tokens that stand for a phone of espeak-ng's; none where the token set has nothing like it."""

    def __init__(self, ids: Mapping[str, int]) -> None:
        super().__init__((phone, (id_,)) for phone, id_ in ids.items())
        self._like: dict[str, int] = {}
        for phone, id_ in sorted(ids.items(), key=lambda item: (len(item[0]), item[0])):
            self._like.setdefault(_letters(phone), id_)

    def __missing__(self, phone: str) -> Spelling:
        letters = _letters(phone)
        tokens: Spelling = ()
        if letters in self._like:
            tokens = (self._like[letters],)
        elif len(letters) > 1:
            parts = [self[letter] for letter in letters]
            tokens = tuple(id_ for part in parts for id_ in part) if all(parts) else ()
        elif native := NATIVE.get(phone, NATIVE.get(letters)):
            tokens = self[native]
        self[phone] = tokens
        return tokens


def _letters(phone: str) -> str:
    # IPA's length marks are modifier letters, its nasality and voicing combining marks.
    decomposed = unicodedata.normalize("NFD", phone)
    return "".join(letter for letter in decomposed if unicodedata.category(letter) in ("Ll", "Lu", "Lo"))
