import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.errors import UserError
from pyspeech.speakers.calibration import least_cllr
from pyspeech.speakers.error_rates import Ranking, Shares, act_dcf_costs, crossing, equal_error_rate, min_dcf
from tests.trial_lists import SCORES, error_points, labelled


def figures(shares):
    return [crossing(shares), *(min_dcf(shares, p_target).cost for p_target in (0.01, 0.5)), least_cllr(shares)]


@given(SCORES, SCORES)
def test_every_threshold_of_the_shares_is_one_of_the_scores_and_both_ends_are_there(targets, non_targets):
    shares = Ranking(*labelled(targets, non_targets)).shares()
    counted = error_points(targets, non_targets)
    found = zip(shares.rejected * len(targets), shares.accepted * len(non_targets), strict=True)
    points = [(round(rejected), round(accepted)) for rejected, accepted in found]
    assert set(points) <= set(counted)
    assert (points[0], points[-1]) == (counted[0], counted[-1])


@given(SCORES, SCORES)
def test_no_figure_changes_when_runs_are_left_as_single_scores(targets, non_targets):
    rejected, accepted = np.array(error_points(targets, non_targets)).T
    single = Shares(np.diff(rejected) / len(targets), -np.diff(accepted) / len(non_targets))
    found = figures(Ranking(*labelled(targets, non_targets)).shares())
    assert found == pytest.approx(figures(single), abs=1e-12)


@given(SCORES, SCORES, st.data())
def test_a_weight_is_a_trial_that_comes_so_often(targets, non_targets, data):
    scores, kinds = labelled(targets, non_targets)
    draws = st.lists(st.integers(0, 3), min_size=len(scores), max_size=len(scores))
    weights = data.draw(draws.filter(lambda w: any(w[: len(targets)]) and any(w[len(targets) :])))
    repeated = [(s, k) for s, k, w in zip(scores, kinds, weights, strict=True) for _ in range(w)]
    expected = Ranking(*zip(*repeated, strict=True)).shares()
    assert figures(Ranking(scores, kinds).shares(weights)) == pytest.approx(figures(expected), abs=1e-12)


def test_trials_of_one_kind_are_one_run():
    shares = Ranking([1, 2, 3, 4, 5, 6], [False, False, True, True, False, True]).shares()
    assert shares.target_R.tolist() == pytest.approx([0, 2 / 3, 0, 1 / 3])
    assert shares.non_target_R.tolist() == pytest.approx([2 / 3, 0, 1 / 3, 0])


@pytest.mark.parametrize(
    ("scores", "targets", "message"),
    [
        ([], [], "found no trial; a verification is measured on"),
        ([1, 2], [True, True], "found only target trials"),
        ([1], [False], "found only non-target trials"),
        ([1, np.nan, np.inf], [True, False, False], "2 of 3 scores are not finite, the first that of trial 2"),
    ],
)
def test_what_cannot_be_measured_is_named(scores, targets, message):
    with pytest.raises(UserError, match=message):
        Ranking(scores, targets)


def by_definition(targets, non_targets):
    """Exactly: walk over all thresholds from the lowest, and find where the two error rates meet."""
    points = [
        (Fraction(rejected, len(targets)), Fraction(accepted, len(non_targets)))
        for rejected, accepted in error_points(targets, non_targets)
    ]
    for (rejected, accepted), (more, fewer) in itertools.pairwise(points):
        if rejected <= accepted and more >= fewer and (rejected, accepted) != (more, fewer):
            # Where the line between the two points has equal coordinates.
            part = (accepted - rejected) / ((accepted - rejected) + (more - fewer))
            return rejected + part * (more - rejected)
    raise AssertionError


def eer(targets, non_targets):
    return equal_error_rate(*labelled(targets, non_targets))


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


@pytest.mark.parametrize(
    ("targets", "non_targets", "expected"),
    [([3, 2], [1, 0], 0), ([0], [1], 1), ([1, 1], [1], 0.5), ([1, 3], [0, 2], 0.5), ([2, 3, 4], [0, 1, 3], 1 / 3)],
)
def test_known_rates(targets, non_targets, expected):
    assert eer(targets, non_targets) == pytest.approx(expected)


P_TARGETS = st.sampled_from([0.01, 0.05, 0.5, 0.9])


def lowest(targets, non_targets, p_target):
    return min_dcf(Ranking(*labelled(targets, non_targets)).shares(), p_target)


def cost(rejected, accepted, p_target):
    return (p_target * rejected + (1 - p_target) * accepted) / min(p_target, 1 - p_target)


@given(SCORES, SCORES, P_TARGETS)
def test_the_lowest_cost_is_that_of_the_best_of_all_thresholds(targets, non_targets, p_target):
    found = lowest(targets, non_targets, p_target)
    points = [(r / len(targets), a / len(non_targets)) for r, a in error_points(targets, non_targets)]
    assert found.cost == pytest.approx(min(cost(*point, p_target) for point in points))
    assert cost(found.rejected, found.accepted, p_target) == pytest.approx(found.cost)
    assert 0 <= found.cost <= 1


@given(SCORES, SCORES, P_TARGETS)
def test_only_the_order_of_scores_matters_to_the_lowest_cost(targets, non_targets, p_target):
    stretched = [[math.exp(score) - 9 for score in scores] for scores in (targets, non_targets)]
    assert lowest(*stretched, p_target) == lowest(targets, non_targets, p_target)


def actual(targets, non_targets, p_target):
    costs = act_dcf_costs(*labelled(targets, non_targets), p_target)
    return costs[: len(targets)].mean() + costs[len(targets) :].mean()


@given(SCORES, SCORES, P_TARGETS, st.integers(-6, 2))
def test_the_actual_cost_is_that_of_one_threshold_and_never_below_the_lowest(targets, non_targets, p_target, offset):
    llrs = [[score + offset for score in scores] for scores in (targets, non_targets)]
    threshold = math.log((1 - p_target) / p_target)
    rejected = sum(llr < threshold for llr in llrs[0]) / len(targets)
    accepted = sum(llr >= threshold for llr in llrs[1]) / len(non_targets)
    assert actual(*llrs, p_target) == pytest.approx(cost(rejected, accepted, p_target))
    assert actual(*llrs, p_target) >= lowest(*llrs, p_target).cost - 1e-12


def test_known_costs():
    # One of 2 target trials rejected, 1 of 100 others accepted, at its price of 0.99 / 0.01.
    assert actual([9, 0], [9] + [0] * 99, 0.01) == pytest.approx(0.5 + 0.99)
    # Rejecting all is better; at 0.5, the threshold between 0 and 9 is.
    assert lowest([9, 0], [9] + [0] * 99, 0.01).cost == pytest.approx(1)
    assert lowest([9, 0], [9] + [0] * 99, 0.5).cost == pytest.approx(0.51)


def test_a_ratio_at_the_threshold_is_accepted():
    assert actual([0.0], [0.0], 0.5) == 1
    assert actual([0.0], [-1.0], 0.5) == 0
    assert actual([-1e-9], [-1.0], 0.5) == 1
