"""Models of token sequences: that they are what interpolated absolute discounting says."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.losses.contract import Pronounced
from pyspeech.losses.token_ngrams import BEGIN, estimate

V = 4
spellings = st.lists(st.integers(1, V - 1), min_size=1, max_size=3)
words = st.lists(st.lists(spellings, min_size=1, max_size=3), max_size=4)
corpora = st.lists(words.map(Pronounced), max_size=8)


@given(corpora, st.integers(1, 4), st.sampled_from([0.3, 0.7, 1.0]), st.integers(1, 5))
def test_every_state_has_all_tokens_and_follows_its_longest_history(corpus, order, discount, min_count):
    model = estimate(corpus, V, order, discount, min_count)
    np.testing.assert_allclose(np.exp(model.log_probs).sum(1), 1)
    assert np.isfinite(model.log_probs).all()
    assert model.histories[0] == BEGIN
    assert {(token,) for token in range(1, V)} <= set(model.histories)
    assert max(map(len, model.histories)) <= max(order - 1, 1)
    for state, history in enumerate(model.histories):
        for token in range(1, V):
            after = (*history, token)
            longest = max((h for h in model.histories if after[len(after) - len(h) :] == h), key=len)
            assert model.histories[model.following[state, token]] == longest
    assert model.last.tolist() == [0, *(history[-1] for history in model.histories[1:])]


def by_hand(sentences, history, token, discount):
    """P(token | history) of sentences of single spellings, by the formula."""
    counts = {}
    for sentence in sentences:
        padded = [-1, *sentence, 0]
        for place in range(1, len(padded)):
            before = tuple(padded[max(place - len(history), 0) : place])
            if before == history:
                counts[padded[place]] = counts.get(padded[place], 0) + 1
    lower = by_hand(sentences, history[1:], token, discount) if history else 1 / V
    total = sum(counts.values())
    if not total:
        return lower
    return (max(counts.get(token, 0) - discount, 0) + discount * len(counts) * lower) / total


@pytest.mark.parametrize("order", [1, 2, 3])
def test_probabilities_are_those_of_the_formula(order):
    sentences = [[1, 2, 1], [1, 2, 3], [3], [2, 2, 1, 2], []]
    model = estimate([Pronounced.of(each) for each in sentences], V, order, 0.7, 1)
    for (state, history), token in itertools.product(enumerate(model.histories), range(V)):
        expected = by_hand(sentences, history[max(len(history) - order + 1, 0) :], token, 0.7)
        assert np.exp(model.log_probs[state, token]) == pytest.approx(expected), (history, token)


def test_ways_to_pronounce_a_word_share_its_count():
    two_ways = Pronounced([[[1], [2, 3]], [[1]]])
    one_each = [Pronounced.of(each) for each in ([1, 1], [2, 3, 1])]
    shared, apart = (estimate(corpus, V, 3, 0.5, 1) for corpus in ([two_ways, two_ways], one_each))
    assert shared.histories == apart.histories
    np.testing.assert_allclose(shared.log_probs, apart.log_probs)


def test_rare_histories_are_shortened():
    corpus = [Pronounced.of([1, 2, 3])] * 2 + [Pronounced.of([2, 3, 1])]
    assert set(estimate(corpus, V, 3, 0.7, 3).histories) == {BEGIN, (1,), (2,), (3,), (2, 3)}
    assert estimate(corpus, V, 3, 0.7, 4).score([1, 2]) < 0
