"""Token sets: what a network's outputs stand for, and how words are spelled in them."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from pyspeech.errors import UserError, nearest
from pyspeech.files import complete, digest, existing, refuse_others, write_json
from pyspeech.json_files import read_json
from pyspeech.lang.lexicon import Lexicon, read_lexicon, write_lexicon

BLANK = "<blk>"  # the CTC blank, always token 0
WORD_START = "\N{LOWER ONE EIGHTH BLOCK}"  # "▁", as SentencePiece marks it
TABLE, LEXICON, PIECES = "tokens.json", "lexicon.txt", "pieces.model"
SHOWN_CHARACTERS = 60  # of a text, in an error


class TokenSet(Protocol):
    """Words to tokens and back. A token's id is its place in ``symbols``; id 0 is the blank, which spells nothing."""

    @property
    def kind(self) -> str:
        """Its name in ``TOKEN_KINDS``."""

    @property
    def symbols(self) -> tuple[str, ...]:
        """The tokens by id."""

    @property
    def espeak(self) -> str | None:
        """The language in which espeak-ng pronounces words that the lexicon of phones lacks, if it may."""

    @property
    def content(self) -> str:
        """Digest of all that decides what it spells: equal for equal token sets."""

    def encode(self, words: Sequence[str]) -> list[int]:
        """Spell ``words``, each in the first way there is.

        Raises:
            UserError: naming the word, or the character, that no token covers.
        """

    def pronunciations(self, word: str) -> list[list[int]]:
        """Return every way ``word`` is spelled, none if it cannot be."""

    def decode(self, ids: Sequence[int]) -> list[str]:
        """Read tokens (no blanks) as words."""

    def align(self, words: Sequence[str], ids: Sequence[int]) -> list[tuple[int, int]]:
        """Find for each word the span [first, last + 1) of ``ids`` that spells it, in any of its ways.

        Raises:
            ValueError: the spellings of ``words`` do not make up ``ids``.
        """

    def save(self, folder: Path) -> None:
        """Write the folder that :func:`load_tokens` reads; it takes the place of an earlier one.

        Raises:
            UserError: ``folder`` holds other files.
        """


class CharacterTokens:
    """Every word is spelled ``▁`` and its characters."""

    kind = "characters"
    espeak = None

    def __init__(self, symbols: Sequence[str]) -> None:
        self.symbols = tuple(symbols)
        self._ids = {symbol: id_ for id_, symbol in enumerate(symbols)}

    @classmethod
    def from_words(cls, words: Iterable[str]) -> "CharacterTokens":
        """Cover the characters of ``words``."""
        characters = {character for word in words for character in word}
        return cls((BLANK, WORD_START, *sorted(characters - {WORD_START})))

    @property
    def content(self) -> str:
        """Digest of the symbols."""
        return digest(self.kind, self.symbols)

    def encode(self, words: Sequence[str]) -> list[int]:
        """Spell ``words``; see :class:`TokenSet`."""
        return _concatenate(words, self.pronunciations, self._covers)

    def pronunciations(self, word: str) -> list[list[int]]:
        """Return the one spelling of ``word``, or none."""
        if not word or not all(map(self._covers, word)):
            return []
        return [[self._ids[WORD_START], *(self._ids[character] for character in word)]]

    def decode(self, ids: Sequence[int]) -> list[str]:
        """Read tokens as words: ``▁`` starts one."""
        return _join(self.symbols, ids)

    def align(self, words: Sequence[str], ids: Sequence[int]) -> list[tuple[int, int]]:
        """Find the span of each word; see :class:`TokenSet`."""
        return _align(words, ids, self.pronunciations)

    def save(self, folder: Path) -> None:
        """Write the folder; see :class:`TokenSet`."""
        with _saved(self, folder):
            pass

    def _covers(self, character: str) -> bool:
        return character != WORD_START and character in self._ids


class PieceTokens:
    """Every word is spelled by its best SentencePiece segmentation (https://arxiv.org/abs/1808.06226)."""

    kind = "pieces"
    espeak = None

    def __init__(self, model: bytes) -> None:
        from sentencepiece import SentencePieceProcessor

        self._model = model
        self._processor = SentencePieceProcessor(model_proto=model)
        self.symbols = tuple(self._processor.id_to_piece(id_) for id_ in range(len(self._processor)))

    @classmethod
    def from_texts(cls, texts: Iterable[str], size: int) -> "PieceTokens":
        """Train a unigram model of ``size`` pieces, the blank among them; equal texts give equal pieces.

        Raises:
            UserError: the text allows no such number of pieces.
        """
        return cls(_train_pieces(texts, size))

    @property
    def content(self) -> str:
        """Digest of the model."""
        return digest(self.kind, self._model.hex())

    def encode(self, words: Sequence[str]) -> list[int]:
        """Spell ``words``; see :class:`TokenSet`."""
        return _concatenate(words, self.pronunciations, self._covers)

    def pronunciations(self, word: str) -> list[list[int]]:
        """Return the best segmentation of ``word``, or none."""
        if not word or WORD_START in word:
            return []
        ids = self._processor.encode(word)
        return [] if 0 in ids else [ids]

    def decode(self, ids: Sequence[int]) -> list[str]:
        """Read tokens as words: a piece with ``▁`` in front starts one."""
        return _join(self.symbols, ids)

    def align(self, words: Sequence[str], ids: Sequence[int]) -> list[tuple[int, int]]:
        """Find the span of each word; see :class:`TokenSet`."""
        return _align(words, ids, self.pronunciations)

    def save(self, folder: Path) -> None:
        """Write the folder; see :class:`TokenSet`."""
        with _saved(self, folder) as partial:
            (partial / PIECES).write_bytes(self._model)

    def _covers(self, character: str) -> bool:
        return bool(self.pronunciations(character))


class PhoneTokens:
    """Every word is spelled as a lexicon pronounces it, in one or several ways."""

    kind = "phones"

    def __init__(self, symbols: Sequence[str], lexicon: Lexicon, espeak: str | None = None) -> None:
        self.symbols = tuple(symbols)
        self.lexicon = lexicon
        self.espeak = espeak
        ids = {symbol: id_ for id_, symbol in enumerate(symbols) if id_}
        self._spellings = {
            word: [[ids[phone] for phone in phones] for phones in every if all(phone in ids for phone in phones)]
            for word, every in lexicon.items()
        }
        self._words: dict[tuple[int, ...], str] = {}
        for word, spellings in self._spellings.items():
            for spelling in spellings:
                self._words.setdefault(tuple(spelling), word)  # of homophones the first
        self._longest = max(map(len, self._words), default=0)

    @classmethod
    def from_lexicon(cls, lexicon: Lexicon, espeak: str | None = None) -> "PhoneTokens":
        """Cover the phones of ``lexicon``; further words are pronounced in the language ``espeak``, if any.

        Raises:
            UserError: a phone has the name of the blank.
        """
        phones = {phone for every in lexicon.values() for phones in every for phone in phones}
        if BLANK in phones:
            raise UserError(f"the lexicon uses the phone '{BLANK}', which names the CTC blank; rename that phone")
        return cls((BLANK, *sorted(phones)), lexicon, espeak)

    @property
    def content(self) -> str:
        """Digest of phones, lexicon and language."""
        return digest(self.kind, self.symbols, self.lexicon, self.espeak)

    def with_words(self, lexicon: Lexicon) -> "PhoneTokens":
        """Return the same tokens knowing the words of ``lexicon`` too; words known already stay as they are."""
        further = {word: every for word, every in lexicon.items() if word not in self.lexicon}
        return PhoneTokens(self.symbols, {**self.lexicon, **further}, self.espeak)

    def encode(self, words: Sequence[str]) -> list[int]:
        """Spell ``words``; see :class:`TokenSet`."""
        return _concatenate(words, self.pronunciations, None)

    def pronunciations(self, word: str) -> list[list[int]]:
        """Return the ways ``word`` is pronounced that use phones of this set only."""
        return [list(spelling) for spelling in self._spellings.get(word, ())]

    def decode(self, ids: Sequence[int]) -> list[str]:
        """Read tokens as words of the lexicon: the fewest phones left over, then the fewest words.

        A phone left over, as after a recognition error, is a word by itself.
        """
        # best[end] = (phones left over, words, start of the last word) of ids[:end]
        best = [(0, 0, 0)]
        for end in range(1, len(ids) + 1):
            left_over, words, _ = best[end - 1]
            ways = [(left_over + 1, words + 1, end - 1)]
            for start in range(max(0, end - self._longest), end):
                if tuple(ids[start:end]) in self._words:
                    ways.append((best[start][0], best[start][1] + 1, start))
            best.append(min(ways))
        decoded: list[str] = []
        end = len(ids)
        while end:
            start = best[end][2]
            decoded.append(self._words.get(tuple(ids[start:end]), self.symbols[ids[start]]))
            end = start
        return decoded[::-1]

    def align(self, words: Sequence[str], ids: Sequence[int]) -> list[tuple[int, int]]:
        """Find the span of each word; see :class:`TokenSet`."""
        return _align(words, ids, self.pronunciations)

    def save(self, folder: Path) -> None:
        """Write the folder; see :class:`TokenSet`."""
        with _saved(self, folder) as partial:
            write_lexicon(self.lexicon, partial / LEXICON)


def _load_characters(symbols: Sequence[str], folder: Path, _espeak: str | None) -> TokenSet:
    if WORD_START not in symbols:
        raise UserError(
            f"{folder / TABLE}: no symbol '{WORD_START}', with which every word begins; make the folder again with "
            "pyspeech lang"
        )
    return CharacterTokens(symbols)


def _load_pieces(symbols: Sequence[str], folder: Path, _espeak: str | None) -> TokenSet:
    path = existing(folder / PIECES, "SentencePiece model")
    try:
        tokens = PieceTokens(path.read_bytes())
    except (RuntimeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a SentencePiece model; make the folder again with pyspeech lang") from error
    if tokens.symbols != tuple(symbols):
        raise UserError(f"{path} and {folder / TABLE} hold different tokens; make the folder again with pyspeech lang")
    return tokens


def _load_phones(symbols: Sequence[str], folder: Path, espeak: str | None) -> TokenSet:
    return PhoneTokens(symbols, read_lexicon(folder / LEXICON, marks=False), espeak)


TOKEN_KINDS: dict[str, Callable[[Sequence[str], Path, str | None], TokenSet]] = {
    "phones": _load_phones,
    "characters": _load_characters,
    "pieces": _load_pieces,
}


def load_tokens(folder: Path) -> TokenSet:
    """Read the token set that ``pyspeech lang`` wrote into ``folder``.

    Raises:
        UserError: the folder or a file in it is missing or damaged.
    """
    path = folder / TABLE
    again = "make the folder again with pyspeech lang"
    table = read_json(path, "token set", again)
    kind, symbols, espeak = str(table.get("kind")), table.get("symbols"), table.get("espeak")
    if kind not in TOKEN_KINDS:
        raise UserError(f"{path}: unknown kind of tokens '{kind}'{nearest(kind, TOKEN_KINDS)}")
    if not isinstance(symbols, list) or not all(isinstance(symbol, str) for symbol in symbols):
        raise UserError(f"{path}: expected a list of symbols; {again}")
    if symbols[:1] != [BLANK] or len(set(symbols)) < len(symbols):
        raise UserError(f"{path}: expected different symbols, first '{BLANK}'; {again}")
    if not isinstance(espeak, str | None):
        raise UserError(f"{path}: expected a language of espeak-ng or null as 'espeak'; {again}")
    return TOKEN_KINDS[kind](symbols, folder, espeak)


@contextmanager
def _saved(tokens: TokenSet, folder: Path) -> Iterator[Path]:
    """Yield the folder with the table, for what else belongs to the tokens."""
    refuse_others(folder, {TABLE, LEXICON, PIECES}, "a token set")
    with complete(folder) as partial:
        partial.mkdir()
        write_json(partial / TABLE, {"kind": tokens.kind, "symbols": tokens.symbols, "espeak": tokens.espeak})
        yield partial


def _concatenate(
    words: Sequence[str],
    pronunciations: Callable[[str], list[list[int]]],
    covers: Callable[[str], bool] | None,
) -> list[int]:
    ids: list[int] = []
    for word in words:
        spellings = pronunciations(word)
        if not spellings:
            raise UserError(_uncovered(words, word, covers))
        ids += spellings[0]
    return ids


def _uncovered(words: Sequence[str], word: str, covers: Callable[[str], bool] | None) -> str:
    text = " ".join(words)
    shown = text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."
    if covers is None:
        return f"text '{shown}': the lexicon has no word '{word}'; make the token set from text or a lexicon with it"
    characters = [character for character in word if not covers(character)]
    what = f"the character '{characters[0]}' in '{word}'" if characters else f"the word '{word}'"
    return f"text '{shown}': no token covers {what}; correct the text, or make the token set from text that has it"


def _join(symbols: Sequence[str], ids: Sequence[int]) -> list[str]:
    return "".join(symbols[id_] for id_ in ids).replace(WORD_START, " ").split()


def _align(
    words: Sequence[str], ids: Sequence[int], pronunciations: Callable[[str], list[list[int]]]
) -> list[tuple[int, int]]:
    # starts[n][end] = where word n starts if it ends at end, for every end that the first n + 1 words can reach
    starts: list[dict[int, int]] = []
    reached = {0}
    for word in words:
        spellings = pronunciations(word)
        ways: dict[int, int] = {}
        for start in sorted(reached):
            for spelling in spellings:
                if list(ids[start : start + len(spelling)]) == spelling:
                    ways.setdefault(start + len(spelling), start)
        starts.append(ways)
        reached = set(ways)
    end = len(ids)
    if end not in reached:
        raise ValueError(f"the tokens {list(ids)} do not spell the words {list(words)}")
    spans: list[tuple[int, int]] = []
    for ways in reversed(starts):
        spans.append((ways[end], end))
        end = ways[end]
    return spans[::-1]


def _train_pieces(texts: Iterable[str], size: int) -> bytes:
    import io

    from sentencepiece import SentencePieceTrainer

    model = io.BytesIO()
    try:
        SentencePieceTrainer.train(
            sentence_iterator=iter(texts),
            model_writer=model,
            model_type="unigram",
            vocab_size=size,
            normalization_rule_name="identity",  # a character that is rewritten would not decode to itself
            character_coverage=1.0,
            max_sentence_length=1 << 20,
            num_threads=1,  # with more, sums in another order give other pieces
            unk_id=0,  # what no piece covers must be an error, so the blank's place serves
            unk_piece=BLANK,
            bos_id=-1,
            eos_id=-1,
            pad_id=-1,
            minloglevel=2,
        )
    except RuntimeError as error:
        bound = re.search(r"(<= |vs )(\d+)", str(error))
        allowed = {"<= ": "at most", "vs ": "at least"}[bound[1]] + f" {bound[2]}" if bound else "some text"
        raise UserError(f"cannot make {size} pieces of the training text; it needs {allowed}") from error
    return model.getvalue()
