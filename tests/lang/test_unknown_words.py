from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pyspeech.lang.unknown_words import MOST_FREQUENT, unknown_words, word_counts

TEXTS = st.lists(st.lists(st.sampled_from("abcdefghijklmnop"), max_size=8).map(" ".join), max_size=8)


@given(TEXTS, st.frozensets(st.sampled_from("abcdefgh")))
def test_counts_are_those_of_a_walk_through_all_words(texts, known):
    found = unknown_words(word_counts(texts), known)
    words = [word for text in texts for word in text.split()]
    lacking = [word for word in words if word not in known]
    assert (found.words, found.count, dict(found.unknown)) == (len(words), len(lacking), Counter(lacking))
    assert found.rate == (len(lacking) / len(words) if words else 0)
    counts = list(found.unknown.values())
    assert counts == sorted(counts, reverse=True)
    assert len(found.most_frequent()) == min(len(counts), MOST_FREQUENT)


def test_it_reads_as_a_share_with_the_most_frequent():
    assert str(unknown_words(word_counts(["A B C B", "B D"]), {"A"})) == "83.33% [ 5 / 6 ]: B 3, C 1, D 1"
    assert str(unknown_words(word_counts(["A"]), {"A"})) == "0.00% [ 0 / 1 ]"
    assert str(unknown_words({}, {"A"})) == "0.00% [ 0 / 0 ]"
