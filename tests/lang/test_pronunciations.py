import pytest

from pyspeech.errors import UserError
from pyspeech.lang import pronunciations
from pyspeech.lang.pronunciations import doubts, espeak_phones, pronounce

LEXICON = {"READ": [("ɹ", "iː", "d"), ("ɹ", "ɛ", "d")], "UNUSED": [("j",)]}


def test_the_lexicon_comes_first_and_espeak_says_the_rest():
    pytest.importorskip("espeakng_loader", reason="needs espeakng-loader")
    found = pronounce(["READ", "CHEAP", "READ"], LEXICON, "en-us")
    assert dict(found.lexicon) == {"CHEAP": (("tʃ", "iː", "p"),), "READ": (("ɹ", "iː", "d"), ("ɹ", "ɛ", "d"))}
    assert (found.from_lexicon, found.from_espeak) == (1, 1)


def test_espeak_is_not_asked_where_the_lexicon_has_every_word(monkeypatch):
    monkeypatch.setattr(pronunciations, "phones_of_words", None)
    assert pronounce(["READ"], LEXICON, "en-us").from_espeak == 0


def test_missing_words_are_counted_and_five_are_named():
    with pytest.raises(
        UserError, match=r"^7 words \('A', 'B', 'C', 'D', 'E', \.\.\.\) are not in the lexicon.*--espeak"
    ):
        pronounce("GFEDCBA", LEXICON, None)
    with pytest.raises(UserError, match=r"^1 word \('A'\) is not in the lexicon"):
        pronounce(["A", "READ"], LEXICON, None)


def test_a_word_that_espeak_does_not_speak_is_an_error():
    pytest.importorskip("espeakng_loader", reason="needs espeakng-loader")
    with pytest.raises(UserError, match=r"1 word \('—'\) is silent to espeak-ng \(en-us\)"):
        pronounce(["—", "A"], LEXICON, "en-us")


def test_phones_written_in_another_alphabet_are_refused():
    pytest.importorskip("espeakng_loader", reason="needs espeakng-loader")
    with pytest.raises(
        UserError, match="the lexicon writes phones as D_ I: r, espeak-ng as p tʃ ɔː ɹ: no phone is shared"
    ):
        pronounce(["READ", "PORCH"], {"READ": [("r", "I:", "D_")]}, "en-us")


ARPA = {"THE": [("DH", "AH0"), ("DH", "AH1"), ("DH", "IY0")], "UNUSED": [("SPN",)]}


def test_espeak_writes_arpabet_where_the_lexicon_does():
    pytest.importorskip("espeakng_loader", reason="needs espeakng-loader")
    found = pronounce(["THE", "CHEAP"], ARPA, "en-us")
    assert dict(found.lexicon) == {"CHEAP": (("CH", "IY", "P"),), "THE": (("DH", "AH"), ("DH", "IY"))}


def test_stress_stays_unless_espeak_may_be_asked():
    assert list(pronounce(["THE"], ARPA, None).lexicon["THE"]) == ARPA["THE"]
    assert list(pronounce(["THE"], ARPA, "en-us").lexicon["THE"]) == [("DH", "AH"), ("DH", "IY")]


def test_a_word_with_a_sound_that_arpabet_lacks_is_named():
    pytest.importorskip("espeakng_loader", reason="needs espeakng-loader")
    with pytest.raises(
        UserError, match=r"1 word \('عين'\) is said by espeak-ng with ʕ, which ARPAbet lacks; add lines"
    ):
        pronounce(["THE", "عين"], ARPA, "ar")


@pytest.mark.parametrize(
    ("known", "said"),
    [(["AH", "N"], ("CH", "ER", "CH")), (["AH0", "N"], ("CH", "ER", "CH")), (["ə", "n"], ("tʃ", "ɜː", "tʃ"))],
)
def test_espeak_is_heard_in_the_alphabet_that_is_known(known, said):
    pytest.importorskip("espeakng_loader", reason="needs espeakng-loader")
    assert list(espeak_phones(["CHURCH", "—"], "en-us", known)) == [said, ()]


def test_phones_of_hardly_any_word_are_told():
    lexicon = {**{f"W{n}": [("a", "b", "c")] for n in range(4)}, "X": [("a", "tʃʰ"), ("tʃʰ",)], "Y": [("a", "b")]}
    assert list(doubts(lexicon, None)) == [
        "1 phones are in three words or fewer, too few to be learnt: tʃʰ (X)",
    ]
    assert list(doubts({"YES": [("j", "ɛ", "s")]}, None)) == []  # of a few words it says nothing


def test_signs_that_espeak_says_the_names_of_are_told():
    pytest.importorskip("espeakng_loader", reason="needs espeakng-loader")
    found = pronounce(["STRAẞE", "YARD", "CAFÉ", "\N{MODIFIER LETTER TURNED COMMA}OKINA", "ЖУК"], {}, "de").lexicon
    told = [line for line in doubts(found, "de") if "names of signs" in line]
    assert told == [
        "2 words ('\N{MODIFIER LETTER TURNED COMMA}OKINA', 'ЖУК') are said by espeak-ng (de) with the names of signs, "
        "\N{MODIFIER LETTER TURNED COMMA} (U+02BB) Ж (U+0416) К (U+041A) У (U+0423); "
        "take these out of the texts, or give a lexicon with the words"
    ]
    assert not any("signs" in line for line in doubts(found, None))
