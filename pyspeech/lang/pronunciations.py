"""How words are pronounced: as a lexicon says, and for every word not in it as espeak-ng says."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pyspeech.errors import UserError
from pyspeech.lang.espeak import phones_of_words
from pyspeech.lang.lexicon import Lexicon, Pronunciation

NAMED_WORDS = 5  # how many words an error lists


@dataclass(frozen=True)
class Pronounced:
    """A lexicon of exactly the words that were asked for, sorted, and how many came from where."""

    lexicon: Mapping[str, tuple[Pronunciation, ...]]
    from_lexicon: int
    from_espeak: int


def pronounce(words: Iterable[str], lexicon: Lexicon, espeak: str | None) -> Pronounced:
    """Find the pronunciations of ``words`` in ``lexicon``, else in espeak-ng's language ``espeak``.

    Raises:
        UserError: words without any, naming some of them, their count and what to do; or a lexicon whose phones are
            written in another way than espeak-ng's.
        MissingPackage: espeak-ng is needed and not installed.
    """
    wanted = sorted(set(words))
    found = {word: tuple(lexicon[word]) for word in wanted if lexicon.get(word)}
    missing = [word for word in wanted if word not in found]
    if missing and espeak is None:
        raise UserError(
            f"{_named(missing)} not in the lexicon; add lines for them, "
            "or let espeak-ng pronounce them with --espeak LANGUAGE (e.g. --espeak en-us)"
        )
    spoken: dict[str, tuple[Pronunciation, ...]] = {}
    if missing and espeak is not None:
        spoken = {
            word: (tuple(phones),)
            for word, phones in zip(missing, phones_of_words(missing, espeak), strict=True)
            if phones
        }
    silent = [word for word in missing if word not in spoken]
    if silent:
        raise UserError(f"{_named(silent)} silent to espeak-ng ({espeak}); add lines to the lexicon for them")
    _refuse_two_alphabets(found, spoken)
    everything = {**found, **spoken}
    return Pronounced({word: everything[word] for word in wanted}, len(found), len(spoken))


def _refuse_two_alphabets(found: Lexicon, spoken: Lexicon) -> None:
    # Else the network would hold two outputs for each sound, and espeak's would be trained by its few words alone.
    ours, theirs = (
        {phone for every in words.values() for phones in every for phone in phones} for words in (found, spoken)
    )
    if ours and theirs and ours.isdisjoint(theirs):
        raise UserError(
            f"the lexicon writes phones as {_some(ours)}, espeak-ng as {_some(theirs)}: no phone is shared; "
            "write the lexicon in IPA, or add the missing words to it and leave --espeak out"
        )


def _some(phones: set[str]) -> str:
    return " ".join(sorted(phones)[:NAMED_WORDS])


def _named(words: list[str]) -> str:
    names = ", ".join(f"'{word}'" for word in words[:NAMED_WORDS])
    if len(words) == 1:
        return f"1 word ({names}) is"
    return f"{len(words)} words ({names}{', ...' if len(words) > NAMED_WORDS else ''}) are"
