"""Alignment by features, against all paths of small chains, and where sounds lie that were put there."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyspeech.decoding import feature_alignment
from pyspeech.decoding.feature_alignment import align_by_features


def test_the_likeliest_path_is_that_of_all_paths():
    rng = np.random.default_rng(0)
    chains = [feature_alignment._Chain.of(words) for words in ([[0]], [[0], [1]], [[1, 0]])]
    observed = [rng.normal(size=(length, 2)) for length in (4, 8, 7)]
    gaussians = feature_alignment._Gaussians(rng.normal(size=3), rng.normal(size=(3, 2)))
    found = list(
        feature_alignment._viterbi(gaussians, observed, [each.states for each in chains], [c.skips for c in chains])
    )
    for x, chain, path in zip(observed, chains, found, strict=True):
        densities_TS = gaussians(x[None], chain.states[None])[0]
        size = len(chain.states)

        def follows(before, after, chain=chain):
            return after - before in (0, 1) or (after - before == 2 and chain.skips[after])

        every = [
            places
            for places in itertools.combinations_with_replacement(range(size), len(x))
            if places[0] < 2 and places[-1] >= size - 2 and all(itertools.starmap(follows, itertools.pairwise(places)))
        ]
        best = max(every, key=lambda places: densities_TS[range(len(places)), places].sum())
        assert tuple(path) == best


def sounds(seed, utterances=12):
    """Features of utterances, the tokens of their words, and where each token lies; silence around every word."""
    rng = np.random.default_rng(seed)
    means_NF = 4 * rng.normal(size=(5, 6))  # the last is silence
    features, texts, spans = [], [], []
    for _ in range(utterances):
        words = [rng.integers(4, size=rng.integers(1, 4)).tolist() for _ in range(rng.integers(1, 4))]
        states, own = [4] * int(rng.integers(5, 15)), []
        for word in words:
            for token in word:
                own.append([len(states)])
                states += [token] * int(rng.integers(4, 12))
                own[-1].append(len(states))
            states += [4] * int(rng.integers(5, 15))
        features.append((means_NF[states] + 0.3 * rng.normal(size=(len(states), 6))).astype(np.float32))
        texts.append(words)
        spans.append(np.array(own))
    return features, texts, spans


@pytest.mark.parametrize("early", [-13, 0, 20])
def test_tokens_are_found_where_they_are(early):
    features, texts, spans = sounds(1)
    found = align_by_features(features, texts, [own + early for own in spans])
    errors = np.concatenate([np.abs(each - true) for each, true in zip(found, spans, strict=True)])
    # A token that follows on itself has no boundary to be seen.
    assert np.median(errors) == 0
    assert np.quantile(errors, 0.9) <= 1


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 5000))
def test_spans_are_whole_in_order_and_the_same_however_many_are_aligned_at_once(seed, cells):
    features, texts, spans = sounds(seed, utterances=4)
    near = [own - 5 for own in spans]
    found = align_by_features(features, texts, near)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feature_alignment, "MAX_CELLS", cells)
        again = align_by_features(features, texts, near)
    for own, other, x, words in zip(found, again, features, texts, strict=True):
        assert len(own) == sum(map(len, words))
        assert (own[:, 1] > own[:, 0]).all()
        assert (own[1:, 0] >= own[:-1, 1]).all()
        assert own[0, 0] >= 0
        assert own[-1, 1] <= len(x)
        np.testing.assert_array_equal(own, other)


def test_utterances_of_hundreds_of_tokens_are_aligned():
    rng = np.random.default_rng(5)
    words = [[token] for token in rng.permutation(300).tolist()]
    features_TF = np.repeat(rng.normal(size=(300, 8)), 4, axis=0).astype(np.float32)
    near = 4 * np.arange(300)[:, None] + [0, 4]
    [found] = align_by_features([features_TF], [words], [near])
    np.testing.assert_array_equal(found, near)


def test_utterances_with_nothing_to_align_have_nothing():
    features, texts, near = sounds(0, utterances=3)
    features += [features[0][: len(near[0]) - 1], features[1], np.zeros((0, 6), np.float32)]
    texts += [texts[0], [], [[1]]]
    near += [near[0], near[0][:0], near[0][:1]]
    found = align_by_features(features, texts, near)
    assert [each is None for each in found] == [False] * 3 + [True] * 3
    assert align_by_features([], [], []) == []
    assert align_by_features(features[3:], texts[3:], near[3:]) == [None] * 3
