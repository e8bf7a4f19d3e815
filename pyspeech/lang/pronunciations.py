"""How words are pronounced: as a lexicon says, and for every word not in it as espeak-ng says."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pyspeech.errors import UserError
from pyspeech.lang.arpabet import ARPABET, is_arpabet, to_arpabet, without_stress
from pyspeech.lang.espeak import phones_of_words
from pyspeech.lang.lexicon import Lexicon, Pronunciation

NAMED_WORDS = 5  # how many words an error lists
RARE = 3  # a phone in so many words or fewer is hardly learnt
SHORTEST_NAME = 5  # phones of "Buchstabe 2BB", as espeak-ng names a sign that it does not know


@dataclass(frozen=True)
class Pronounced:
    """A lexicon of exactly the words that were asked for, sorted, and how many came from where."""

    lexicon: Mapping[str, tuple[Pronunciation, ...]]
    from_lexicon: int
    from_espeak: int


def espeak_phones(words: Iterable[str], language: str, known: Iterable[str]) -> Iterator[Pronunciation]:
    """Yield how espeak-ng says each word, in the alphabet of the phones ``known``; empty where it says nothing.

    That is ARPAbet without stress if they are ARPAbet, else IPA. A sound that ARPAbet lacks stays IPA.

    Args:
        words: What to say.
        language: Of espeak-ng.
        known: The phones of the lexicon or the token set, without the blank.

    Raises:
        MissingPackage: espeak-ng is not installed.
        UserError: no such language.
    """
    spoken = phones_of_words(words, language)
    return map(to_arpabet, spoken) if is_arpabet(known) else map(tuple, spoken)


def pronounce(words: Iterable[str], lexicon: Lexicon, espeak: str | None) -> Pronounced:
    """Find the pronunciations of ``words`` in ``lexicon``, else in espeak-ng's language ``espeak``.

    With ``espeak`` a lexicon in ARPAbet loses its stress digits, even if it has all words: the graph and rescoring will
    ask for further ones, and espeak-ng's stress is often another than the lexicon's.

    Raises:
        UserError: words without any, naming some of them, their count and what to do; or a lexicon whose phones are
            neither IPA nor ARPAbet, so that espeak-ng's are written in another way.
        MissingPackage: espeak-ng is needed and not installed.
    """
    in_arpabet = is_arpabet(_phones(lexicon))
    if espeak is not None and in_arpabet:
        lexicon = without_stress(lexicon)
    wanted = sorted(set(words))
    listed = {word: tuple(lexicon[word]) for word in wanted if lexicon.get(word)}
    missing = [word for word in wanted if word not in listed]
    if missing and espeak is None:
        raise UserError(
            f"{_named(missing)} not in the lexicon; add lines for them, "
            "or let espeak-ng pronounce them with --espeak LANGUAGE (e.g. --espeak en-us)"
        )
    spoken: dict[str, tuple[Pronunciation, ...]] = {}
    if missing and espeak is not None:
        said = zip(missing, espeak_phones(missing, espeak, _phones(lexicon)), strict=True)
        spoken = {word: (phones,) for word, phones in said if phones}
    silent = [word for word in missing if word not in spoken]
    if silent:
        raise UserError(f"{_named(silent)} silent to espeak-ng ({espeak}); add lines to the lexicon for them")
    if in_arpabet:
        _refuse_sounds_that_arpabet_lacks(spoken)
    else:
        _refuse_two_alphabets(_phones(listed), _phones(spoken))
    everything = {**listed, **spoken}
    return Pronounced({word: everything[word] for word in wanted}, len(listed), len(spoken))


def doubts(lexicon: Lexicon, espeak: str | None) -> Iterator[str]:
    """Yield what looks wrong with the pronunciations of a whole lexicon, one line each.

    Phones of hardly any word, unless most are, which are slips or of foreign words; and, with ``espeak``, signs whose
    names it says, so that "Buchstabe 2BB" is heard for one.
    """
    words_with: dict[str, list[str]] = {}
    for word, every in lexicon.items():
        for phone in dict.fromkeys(phone for phones in every for phone in phones):
            words_with.setdefault(phone, []).append(word)
    rare = {phone: words for phone, words in words_with.items() if len(words) <= RARE}
    if rare and 2 * len(rare) < len(words_with):
        named = ", ".join(f"{phone} ({' '.join(words)})" for phone, words in list(rare.items())[:NAMED_WORDS])
        more = ", ..." if len(rare) > NAMED_WORDS else ""
        yield f"{len(rare)} phones are in three words or fewer, too few to be learnt: {named}{more}"
    signs = sorted({sign for word in lexicon for sign in word if not sign.isascii()})
    names = () if espeak is None or not signs else espeak_phones(signs, espeak, _phones(lexicon))
    long = {sign: name for sign, name in zip(signs, names, strict=False) if len(name) >= SHORTEST_NAME}
    said: dict[str, list[str]] = {}
    for word, every in lexicon.items():
        for sign in dict.fromkeys(sign for sign in word if sign in long):
            if any(_within(long[sign], phones) for phones in every):
                said.setdefault(word, []).append(sign)
    if said:
        named = _some({f"{sign} (U+{ord(sign):04X})" for every in said.values() for sign in every})
        yield (
            f"{_named(list(said))} said by espeak-ng ({espeak}) with the names of signs, {named}; "
            "take these out of the texts, or give a lexicon with the words"
        )


def _within(part: Sequence[str], whole: Sequence[str]) -> bool:
    return f" {' '.join(part)} " in f" {' '.join(whole)} "


def _phones(lexicon: Lexicon) -> set[str]:
    return {phone for every in lexicon.values() for phones in every for phone in phones}


def _refuse_sounds_that_arpabet_lacks(spoken: Lexicon) -> None:
    strange = [word for word, (phones,) in spoken.items() if not ARPABET.issuperset(phones)]
    if strange:
        sounds = _some(_phones(spoken) - ARPABET)
        raise UserError(
            f"{_named(strange)} said by espeak-ng with {sounds}, which ARPAbet lacks; add lines to the lexicon for them"
        )


def _refuse_two_alphabets(ours: set[str], theirs: set[str]) -> None:
    # Else the network would hold two outputs for each sound, and espeak's would be trained by its few words alone.
    if ours and theirs and ours.isdisjoint(theirs):
        raise UserError(
            f"the lexicon writes phones as {_some(ours)}, espeak-ng as {_some(theirs)}: no phone is shared; "
            "write the lexicon in IPA or ARPAbet, or add the missing words to it and leave --espeak out"
        )


def _some(phones: set[str]) -> str:
    return " ".join(sorted(phones)[:NAMED_WORDS])


def _named(words: list[str]) -> str:
    names = ", ".join(f"'{word}'" for word in words[:NAMED_WORDS])
    if len(words) == 1:
        return f"1 word ({names}) is"
    return f"{len(words)} words ({names}{', ...' if len(words) > NAMED_WORDS else ''}) are"
