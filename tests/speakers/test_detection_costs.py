import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.speakers.detection_costs import act_dcf_costs, min_dcf
from pyspeech.speakers.shares import Ranking
from tests.trial_lists import SCORES, error_points, labelled

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
def test_only_the_order_of_scores_matters(targets, non_targets, p_target):
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
