import os
from pathlib import Path

import kaldialign
import pytest

from pyspeech.lang.arpabet import ARPABET, BY_IPA, is_arpabet, to_arpabet, without_stress
from pyspeech.lang.espeak import phones_of_words
from pyspeech.lang.lexicon import read_lexicon

CMUDICT = Path(os.environ.get("PYSPEECH_CORPORA", "nowhere")) / "text" / "cmudict.dict"


@pytest.mark.parametrize(
    ("phones", "expected"),
    [
        ("AA0 AE1 B ZH", True),
        ("HH AH SPN SIL", True),
        ("SPN", False),
        ("", False),
        ("d iː ɹ", False),
        ("B A: z", False),
        ("aa b", False),
        ("AA B ɹ", False),
        ("AA3", False),
    ],
)
def test_arpabet_is_told_by_its_phones(phones, expected):
    assert is_arpabet(phones.split()) == expected


def test_pronunciations_that_differ_by_stress_alone_become_one():
    lexicon = {"THE": [("DH", "AH0"), ("DH", "AH1"), ("DH", "IY0")], "A": [("EY2",)]}
    assert without_stress(lexicon) == {"THE": [("DH", "AH"), ("DH", "IY")], "A": [("EY",)]}


@pytest.mark.parametrize(
    ("ipa", "arpabet"),
    [
        ("tʃ ɜː tʃ", "CH ER CH"),
        ("aɪ ɚ ɾ ᵻ d", "AY ER T IH D"),
        ("eː e oː o aː a", "EY EH OW AO AA AE"),
        ("iːː ɔ̃ nʲ ɡʲ t̪", "IY AO N G T"),  # without their marks
        ("ts ɑu2 ʌʉ", "T S AA UW AH UW"),  # by letters
        ("ç c\u0327", "K K"),  # composed or not
        ("ʕ tʕ 7", "ʕ tʕ 7"),  # no sound of English
    ],
)
def test_ipa_is_written_in_arpabet(ipa, arpabet):
    assert to_arpabet(ipa.split()) == tuple(arpabet.split())


def test_every_phone_can_be_said():
    assert set(BY_IPA.values()) == ARPABET


def test_espeaks_words_are_those_of_cmudict_but_for_a_tenth_of_the_phones():
    pytest.importorskip("espeakng_loader", reason="needs espeakng-loader")
    if not CMUDICT.is_file():
        pytest.skip("needs text/cmudict.dict under $PYSPEECH_CORPORA")
    lexicon = without_stress(read_lexicon(CMUDICT))
    assert {phone for every in lexicon.values() for phones in every for phone in phones} == ARPABET
    words = list(lexicon)[::100]
    said = [to_arpabet(phones) for phones in phones_of_words(words, "en-us")]
    assert ARPABET.issuperset({phone for phones in said for phone in phones})
    errors = [
        min(kaldialign.edit_distance(way, phones)["total"] for way in lexicon[word])
        for word, phones in zip(words, said, strict=True)
    ]
    assert sum(errors) < 0.12 * sum(map(len, said))
