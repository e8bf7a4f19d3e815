import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.lang.writing import plain
from pyspeech.lm.held_out import index_sentences

SENTENCES = st.lists(st.sampled_from("abc"), min_size=0, max_size=6)


@given(st.lists(SENTENCES, max_size=6), st.lists(st.sampled_from("abcd"), max_size=12))
def test_a_held_out_sentence_is_found_exactly_where_brute_force_finds_one(sentences, line):
    found = index_sentences(" ".join(sentence) for sentence in sentences).find(line)
    spans = [line[start:end] for start in range(len(line)) for end in range(start + 1, len(line) + 1)]
    assert (found is not None) == any(sentence in spans for sentence in sentences if sentence)
    assert found is None or found.split() in spans
    assert found is None or found.split() in sentences


@pytest.mark.parametrize(
    ("held_out", "line"),
    [
        ("Don't stop!", "please DON’T, stop now"),
        ("STRASSE", "die Straße"),
        ("caf\u00e9", "the cafe\u0301 there"),
        ("well known", "a well-known man"),
        ("a b c d e f g", "a b c d e f g"),
    ],
)
def test_case_and_punctuation_do_not_hide_a_sentence(held_out, line):
    assert index_sentences([held_out]).find(line.split()) == plain(held_out)


@pytest.mark.parametrize("line", ["stop", "don't", "stop don't", "don't you stop", "don't stopping"])
def test_parts_and_other_orders_of_a_sentence_may_train(line):
    assert index_sentences(["don't stop", "", "..."]).find(line.split()) is None
