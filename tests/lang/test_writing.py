import string
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.errors import UserError
from pyspeech.lang.writing import OTHER, case_of, case_to_bring, in_case, plain, share_no_words

WORDS = st.lists(st.text("abcdeßäöüéñдж", min_size=2, max_size=6), min_size=3, max_size=30, unique=True)
CASES = st.sampled_from(sorted(OTHER))


@given(WORDS, CASES)
def test_what_is_in_one_case_is_brought_to_the_other_and_back(words, case):
    ours = [in_case(word, case) for word in words]
    theirs = [in_case(word, OTHER[case]) for word in words]
    assert case_of(ours) == case
    for any_case in (True, False):
        assert case_to_bring(ours, Counter(theirs), "x", any_case=any_case) == case
        assert case_to_bring(ours, Counter(ours), "x", any_case=any_case) is None
    assert [in_case(word, case) for word in theirs] == ours
    assert [in_case(word, OTHER[case]) for word in ours] == theirs


def test_a_text_in_both_cases_is_brought_to_ours_and_a_model_is_refused():
    ours, prose = ["THE", "CAT", "SAT", "ON"], Counter(["The", "the", "cat", "sat", "on", "the", "Cat"])
    assert case_to_bring(ours, prose, "x", any_case=True) == "capitals"
    with pytest.raises(UserError, match=r"^lm does not write words as the transcripts do \('Cat', 'The', 'cat': 100%"):
        case_to_bring(ours, dict.fromkeys(prose, 1), "lm", any_case=False)


@pytest.mark.parametrize("any_case", [True, False])
@pytest.mark.parametrize("ours", ["THE CAT SAT ON MATS", "the cat sat on mats", "The cat sat on mats"])
def test_punctuation_at_words_is_refused_with_what_to_do(ours, any_case):
    text = Counter(f"{ours} {ours}, {ours}.".split())
    with pytest.raises(UserError, match=r"'(MATS|mats)[,.]'.*pyspeech lm text"):
        case_to_bring(ours.split(), text, "x", any_case=any_case)


def test_little_punctuation_does_not_hinder_and_apostrophes_are_none():
    ours = {word.upper() for word in string.ascii_lowercase}
    text = Counter(sorted(ours) * 2 + ["A,"])
    assert case_to_bring(ours, text, "x", any_case=True) is None
    assert case_to_bring(["'TIS", "DOGS'", "TIS"], Counter(["TIS'", "'TIS", "DOGS'"]), "x", any_case=True) is None


def test_marks_and_words_without_a_case_do_not_count():
    assert case_of(["<unk>", "[noise]", "A", "你好", "7"]) == "capitals"
    assert case_of(["你好", "7", "<unk>"]) is None
    assert case_of(["Haus", "ist", "GROSS"]) is None
    assert in_case("<unk>", "capitals") == "<unk>"
    assert case_to_bring(["你", "好"], Counter(["hello"]), "x", any_case=False) is None


def test_vocabularies_of_two_languages_are_told_and_a_small_one_within_a_large_one_is_not():
    ours = {f"W{number}" for number in range(1000)}
    assert share_no_words(ours, {f"V{number}" for number in range(500)} | {"W1"})
    assert not share_no_words(ours, {f"W{number}" for number in range(20)})
    assert not share_no_words(ours, {"YES", "NO"})


@given(st.text(alphabet=string.printable + "éßİ’—你好"))
def test_plain_text_stays_plain(text):
    assert plain(plain(text)) == plain(text)
