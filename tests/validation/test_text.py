import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.lang.tokens import CharacterTokens, PhoneTokens
from pyspeech.validation import faults
from pyspeech.validation.text import TextCheck, not_spoken, tidy


def kinds_of(text, tokens=None, is_test=False):
    return [finding.kind for finding in TextCheck(tokens)(text, is_test)]


@given(st.text())
def test_a_tidy_text_stays_and_has_neither_invisible_signs_nor_double_spaces(text):
    once = tidy(text)
    assert tidy(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert once == " ".join(once.split())
    assert not {"Cc", "Cf", "Cs"} & {unicodedata.category(c) for c in once.replace("\u200c", "").replace("\u200d", "")}


@given(st.text(st.sampled_from("AB é\N{COMBINING ACUTE ACCENT}e\u200b\t ")))
def test_what_was_tidied_has_no_fault_of_spaces_left(text):
    assert not {faults.UNTIDY_TEXT, faults.ODD_SPACES, faults.JOINED_TEXT} & set(kinds_of(tidy(text)))


def test_joiners_within_words_of_other_scripts_stay():
    assert tidy("می\u200cخواهم") == "می\u200cخواهم"
    assert kinds_of("می\u200cخواهم") == []


@pytest.mark.parametrize("text", ["don't", "O'CLOCK", "mother-in-law", "’tis", "日本語", "çà et là", "हिन्दी में"])
def test_words_of_any_script_are_spoken(text):
    assert not_spoken(text) == ""


@pytest.mark.parametrize(("text", "signs"), [("no. 7", ".7"), ("<noise>", "<>"), ("well - yes", "-"), ("5%", "5%")])
def test_digits_and_signs_are_not(text, signs):
    assert not_spoken(text) == signs


def test_marks_of_noises_are_told_unless_a_lexicon_has_them():
    assert kinds_of("[laughter] YES <unk>") == [faults.MARKED_TEXT]
    assert kinds_of("<unk> 7") == [faults.MARKED_TEXT, faults.NOT_AS_SPOKEN]
    assert kinds_of("[noise]", CharacterTokens.from_words(["[noise]"])) == [faults.MARKED_TEXT]
    assert kinds_of("[noise]", PhoneTokens.from_lexicon({"[noise]": [("NSN",)]})) == []


def test_a_sentence_of_a_language_without_spaces_is_told():
    assert kinds_of("我今天去苹果") == [faults.UNSPACED_TEXT]
    assert kinds_of("我 今天 去 苹果") == kinds_of("苹果") == []


def test_a_test_set_may_hold_what_no_token_spells():
    tokens = CharacterTokens.from_words(["AB"])
    assert kinds_of("AB BA", tokens) == []
    assert kinds_of("AC", tokens) == [faults.UNCOVERED_TEXT]
    assert kinds_of("AC", tokens, is_test=True) == [faults.UNSPELLED_IN_TEST]


@pytest.mark.parametrize("text", ["a\tb\nc", "a\nb\tc", "a|b\nid2|c d", "a\nwavs/2.wav,b c"])
def test_rows_of_a_table_that_ran_into_one_are_found(text):
    assert faults.JOINED_TEXT in kinds_of(text)


@pytest.mark.parametrize("text", ["a\tb", "a\n", " a", "a  b", "a\nb", "yes\nwell, no", "a\r\nb"])
def test_spaces_that_only_look_odd_are_a_warning(text):
    assert faults.ODD_SPACES in kinds_of(text)
    assert not {faults.JOINED_TEXT, faults.UNTIDY_TEXT} & set(kinds_of(text))


def test_a_text_that_only_raw_is_spelled_is_kept():
    raw = "CAFE\N{COMBINING ACUTE ACCENT}"
    composed = unicodedata.normalize("NFC", raw)
    assert kinds_of(raw) == [faults.UNTIDY_TEXT]
    assert kinds_of(raw, CharacterTokens.from_words([composed])) == [faults.UNTIDY_TEXT]
    tokens = CharacterTokens.from_words([raw])
    assert kinds_of(raw, tokens) == []
    assert TextCheck(tokens).tidied(f" {raw}  {raw}") == f"{raw} {raw}"
    assert kinds_of(composed, tokens) == [faults.UNCOVERED_TEXT]


def test_other_oddities_are_found():
    assert kinds_of("\ud800a") == [faults.UNTIDY_TEXT]
    assert kinds_of(None) == [faults.NO_TEXT]
    assert kinds_of("\n") == [faults.EMPTY_TEXT]
