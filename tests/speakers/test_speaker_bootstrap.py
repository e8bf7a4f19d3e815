import itertools

import numpy as np
import pytest

from pyspeech.speakers.error_rates import Ranking, crossing, equal_error_rate
from pyspeech.speakers.speaker_bootstrap import intervals_over_speakers, speakers_of
from tests.trial_lists import simulated


def eer_interval(scores, targets, pairs, replications):
    ranking = Ranking(scores, targets)
    speakers = speakers_of(pairs, targets)
    return intervals_over_speakers(lambda w: [crossing(ranking.shares(w))], speakers, targets, replications)[0]


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
    assert eer_interval(scores, targets, pairs, 3000) == pytest.approx(expected, abs=0.01)


def test_the_interval_holds_the_rate_and_more_speakers_narrow_it():
    widths = []
    for count in (8, 40):
        trials = simulated(1, count)
        low, high = eer_interval(*trials, replications=300)
        assert low < equal_error_rate(*trials[:2]) < high
        widths.append(high - low)
    assert widths[1] < 0.7 * widths[0]


def test_all_figures_are_of_the_same_draws_and_samples_of_one_kind_are_left_out():
    _, targets, pairs = simulated(2, 3)
    met = []

    def figures(weight_T):
        met.append(weight_T)
        return [weight_T.sum(), -2 * weight_T.sum()]

    first, second = intervals_over_speakers(figures, speakers_of(pairs, targets), targets, 200)
    assert second == pytest.approx((-2 * first[1], -2 * first[0]))
    kinds = np.array(targets)
    assert all(weight_T[kinds].any() and weight_T[~kinds].any() for weight_T in met)
    assert 100 < len(met) < 200  # 1 of 9 samples is of one speaker


def test_a_single_sample_with_both_kinds_is_enough():
    assert eer_interval([1, 0], [True, False], [("a", "b"), ("a", "b")], 10) == (0.0, 0.0)
