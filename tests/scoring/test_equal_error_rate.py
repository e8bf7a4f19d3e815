import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.scoring.equal_error_rate import equal_error_rate, interval_over_speakers, speakers_of

# Few different scores, so that ties are common.
SCORES = st.lists(st.integers(0, 5), min_size=1, max_size=8)


def by_definition(targets, non_targets):
    """Exactly: walk over all thresholds from the lowest, and find where the two error rates meet."""
    thresholds = [*sorted({*targets, *non_targets}), max([*targets, *non_targets]) + 1]
    points = [
        (
            Fraction(sum(score < threshold for score in targets), len(targets)),
            Fraction(sum(score >= threshold for score in non_targets), len(non_targets)),
        )
        for threshold in thresholds
    ]
    for (rejected, accepted), (more, fewer) in itertools.pairwise(points):
        if rejected <= accepted and more >= fewer and (rejected, accepted) != (more, fewer):
            # Where the line between the two points has equal coordinates.
            part = (accepted - rejected) / ((accepted - rejected) + (more - fewer))
            return rejected + part * (more - rejected)
    raise AssertionError


def eer(targets, non_targets):
    return equal_error_rate([*targets, *non_targets], [True] * len(targets) + [False] * len(non_targets))


@given(SCORES, SCORES)
def test_equals_the_definition_with_ties_too(targets, non_targets):
    assert eer(targets, non_targets) == pytest.approx(float(by_definition(targets, non_targets)))


@given(SCORES, SCORES)
def test_only_the_order_of_scores_matters(targets, non_targets):
    stretched = [[float(score) ** 3 / 7 - 2 for score in scores] for scores in (targets, non_targets)]
    assert eer(*stretched) == eer(targets, non_targets)


@given(SCORES, SCORES)
def test_turning_the_scores_round_turns_the_rate_round(targets, non_targets):
    assert eer([-s for s in targets], [-s for s in non_targets]) == pytest.approx(1 - eer(targets, non_targets))


@given(SCORES, SCORES, st.data())
def test_a_weight_is_a_trial_that_comes_so_often(targets, non_targets, data):
    scores, kinds = [*targets, *non_targets], [True] * len(targets) + [False] * len(non_targets)
    draws = st.lists(st.integers(0, 3), min_size=len(scores), max_size=len(scores))
    weights = data.draw(draws.filter(lambda w: any(w[: len(targets)]) and any(w[len(targets) :])))
    repeated = [(s, k) for s, k, w in zip(scores, kinds, weights, strict=True) for _ in range(w)]
    assert equal_error_rate(scores, kinds, weights) == pytest.approx(equal_error_rate(*zip(*repeated, strict=True)))


@pytest.mark.parametrize(
    ("targets", "non_targets", "expected"),
    [([3, 2], [1, 0], 0), ([0], [1], 1), ([1, 1], [1], 0.5), ([1, 3], [0, 2], 0.5), ([2, 3, 4], [0, 1, 3], 1 / 3)],
)
def test_known_rates(targets, non_targets, expected):
    assert eer(targets, non_targets) == pytest.approx(expected)


def test_target_trials_tell_who_is_one_speaker():
    pairs = [("a", "b"), ("c", "d"), ("b", "e"), ("a", "c"), ("f", "a")]
    found = speakers_of(pairs, [True, True, True, False, False])
    ids = {
        id_: number
        for pair, numbers in zip(pairs, found, strict=True)
        for id_, number in zip(pair, numbers, strict=True)
    }
    assert ids["a"] == ids["b"] == ids["e"]
    assert ids["c"] == ids["d"]
    assert sorted({*ids.values()}) == [0, 1, 2]


def simulated(seed, num_speakers, per_speaker=4, spread=1.0):
    """Trials of utterances whose scores are the closeness of noisy points around their speaker's point."""
    rng = np.random.default_rng(seed)
    points = [(s, rng.normal(0, 2, 2)) for s in range(num_speakers)]
    every = [(f"{s}-{n}", s, point + rng.normal(0, spread, 2)) for s, point in points for n in range(per_speaker)]
    pairs = list(itertools.combinations(every, 2))
    return (
        [-float(np.linalg.norm(left[2] - right[2])) for left, right in pairs],
        [left[1] == right[1] for left, right in pairs],
        [(left[0], right[0]) for left, right in pairs],
    )


def test_the_interval_is_that_of_all_draws_of_speakers_counted_out():
    scores, targets, pairs = simulated(0, 4, 6, 2.0)
    speakers = [(int(left[0]), int(right[0])) for left, right in pairs]
    rates = []
    for draw in itertools.product(range(4), repeat=4):
        trials = [
            (score, target)
            for i, j in itertools.combinations_with_replacement(range(4), 2)
            for score, target, pair in zip(scores, targets, speakers, strict=True)
            if sorted(pair) == sorted((draw[i], draw[j])) and (i == j or draw[i] != draw[j])
        ]
        if len({target for _, target in trials}) == 2:
            rates.append(equal_error_rate(*zip(*trials, strict=True)))
    expected = np.percentile(rates, [2.5, 97.5])
    assert interval_over_speakers(scores, targets, pairs, 3000) == pytest.approx(expected, abs=0.01)


def test_the_interval_holds_the_rate_and_more_speakers_narrow_it():
    widths = []
    for count in (8, 40):
        trials = simulated(1, count)
        low, high = interval_over_speakers(*trials, replications=300)
        assert low < equal_error_rate(*trials[:2]) < high
        widths.append(high - low)
    assert widths[1] < 0.7 * widths[0]


def test_a_single_sample_with_both_kinds_is_enough_and_none_says_nothing():
    assert interval_over_speakers([1, 0], [True, False], [("a", "b"), ("a", "b")], 10) == (0.0, 0.0)
