import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.errors import UserError
from pyspeech.speakers.calibration import least_cllr
from pyspeech.speakers.detection_costs import min_dcf
from pyspeech.speakers.equal_error_rate import crossing
from pyspeech.speakers.shares import Ranking, Shares
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
