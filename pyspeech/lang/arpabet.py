"""ARPAbet, in which American dictionaries write phones, and how espeak-ng's IPA is written in it.

The 39 phones are those of the CMU Pronouncing Dictionary, http://www.speech.cs.cmu.edu/cgi-bin/cmudict.
"""

import unicodedata
from collections.abc import Iterable, Sequence

from pyspeech.lang.lexicon import Lexicon, Pronunciation

ARPABET = frozenset(
    {"AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"}
    | {"B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N", "NG", "P", "R", "S", "SH", "T", "TH", "V"}
    | {"W", "Y", "Z", "ZH"}
)
NOISES = frozenset({"SIL", "SPN", "NSN"})  # what Kaldi's lexicons name silence, speech that is no word, and noise
STRESS = "012"  # behind a vowel: none, primary, secondary

# espeak-ng's symbols without length, but where length makes another vowel. A sound that American English has not goes
# to the one in its place there: sounds of other accents by the words they are in, of other languages by what is heard.
BY_IPA = {
    **{"ɑ": "AA", "ɒ": "AA", "aː": "AA", "æ": "AE", "a": "AE", "ɔ": "AO", "o": "AO", "ɛ": "EH", "e": "EH", "eː": "EY"},
    **{"ə": "AH", "ʌ": "AH", "ɐ": "AH", "ɘ": "AH", "ɤ": "AH", "ɚ": "ER", "ɜ": "ER", "ɝ": "ER", "ø": "ER", "œ": "ER"},
    **{"ɪ": "IH", "ᵻ": "IH", "ɨ": "IH", "i": "IY", "oː": "OW", "ʊ": "UH", "ɵ": "UH"},
    **{"u": "UW", "ʉ": "UW", "y": "UW", "ʏ": "UW", "ɯ": "UW"},
    **{"aʊ": "AW", "aɪ": "AY", "eɪ": "EY", "oʊ": "OW", "əʊ": "OW", "ɔɪ": "OY"},
    **{"b": "B", "β": "V", "tʃ": "CH", "d": "D", "ɖ": "D", "ð": "DH", "f": "F", "ɸ": "F", "ɡ": "G", "ɣ": "G", "ɟ": "G"},
    **{"h": "HH", "ɦ": "HH", "ħ": "HH", "dʒ": "JH", "k": "K", "c": "K", "q": "K", "x": "K", "χ": "K", "ç": "K"},
    **{"l": "L", "ɫ": "L", "ɬ": "L", "ɭ": "L", "ʎ": "L", "m": "M", "n": "N", "ɲ": "N", "ɳ": "N", "ŋ": "NG", "p": "P"},
    **{"ɹ": "R", "r": "R", "ɻ": "R", "ɽ": "R", "ʁ": "R", "s": "S", "ʃ": "SH", "ɕ": "SH", "ʂ": "SH"},
    **{"t": "T", "ʈ": "T", "ɾ": "T", "ʔ": "T", "θ": "TH", "v": "V", "ʋ": "V", "w": "W", "ʍ": "W", "j": "Y"},
    **{"z": "Z", "ʒ": "ZH", "ʑ": "ZH", "ʐ": "ZH"},
}


def is_arpabet(phones: Iterable[str]) -> bool:
    """Say whether ``phones``, those of a lexicon or of a token set without the blank, are ARPAbet's.

    They may have stress digits (``AH0``), and Kaldi's names of noises may be among them.
    """
    sounds = {phone.rstrip(STRESS) for phone in phones} - NOISES
    return bool(sounds) and sounds <= ARPABET


def without_stress(lexicon: Lexicon) -> dict[str, list[Pronunciation]]:
    """Return ``lexicon`` without stress digits; pronunciations that differed by stress alone are one."""
    return {
        word: list(dict.fromkeys(tuple(phone.rstrip(STRESS) for phone in phones) for phones in every))
        for word, every in lexicon.items()
    }


def to_arpabet(ipa: Sequence[str]) -> Pronunciation:
    """Write a pronunciation of espeak-ng's in ARPAbet, without stress.

    A phone that the table lacks is taken without its marks (length, nasality), else letter by letter (``ts`` as
    ``T S``); if that fails too it stays as it is.
    """
    return tuple(phone for symbol in ipa for phone in _in_arpabet(symbol))


def _in_arpabet(symbol: str) -> Pronunciation:
    if symbol in BY_IPA:
        return (BY_IPA[symbol],)
    decomposed = unicodedata.normalize("NFD", symbol)
    letters = "".join(letter for letter in decomposed if unicodedata.category(letter) in ("Ll", "Lo"))
    if letters in BY_IPA:
        return (BY_IPA[letters],)
    phones = tuple(BY_IPA[letter] for letter in letters if letter in BY_IPA)
    return phones if phones and len(phones) == len(letters) else (symbol,)
