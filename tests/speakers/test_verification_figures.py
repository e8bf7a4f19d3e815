import math

import numpy as np
import pytest

from pyspeech.speakers.calibration import min_cllr
from pyspeech.speakers.error_rates import equal_error_rate
from pyspeech.speakers.scored_trials import ScoredTrials
from pyspeech.speakers.trials import Trial
from pyspeech.speakers.verification_figures import verification_figures
from tests.trial_lists import error_points, simulated

pytest.importorskip("scipy", reason="needs scipy, which this lane does not have")

NAMES = ["EER", "minDCF(0.01)", "minDCF(0.05)", "min Cllr"]


def scored(scores, targets, pairs, calibrated):
    trials = tuple(Trial(target, *pair) for target, pair in zip(targets, pairs, strict=True))
    return ScoredTrials(trials, np.array(scores, np.float64), "cosine", calibrated, {}, ())


def test_every_figure_of_a_small_list_is_the_one_counted_out():
    scores, targets, pairs = simulated(0, 5)
    scores = [round(score + 1) for score in scores]  # ties
    found = verification_figures(scored(scores, targets, pairs, True), 50)
    values = {name: figure.value for name, figure in found.figures.items()}
    kinds = [[s for s, target in zip(scores, targets, strict=True) if target == kind] for kind in (True, False)]
    points = [(r / len(kinds[0]), a / len(kinds[1])) for r, a in error_points(*kinds)]
    for p_target in (0.01, 0.05):
        assert values[f"minDCF({p_target})"] == pytest.approx(min(r + (1 - p_target) / p_target * a for r, a in points))
        threshold = math.log((1 - p_target) / p_target)
        rejected, accepted = np.mean(np.array(kinds[0]) < threshold), np.mean(np.array(kinds[1]) >= threshold)
        assert values[f"actDCF({p_target})"] == pytest.approx(rejected + (1 - p_target) / p_target * accepted)
    missed = sum(math.log2(1 + math.exp(-s)) for s in kinds[0]) / len(kinds[0])
    alarmed = sum(math.log2(1 + math.exp(s)) for s in kinds[1]) / len(kinds[1])
    assert values["Cllr"] == pytest.approx((missed + alarmed) / 2)
    assert values["EER"] == equal_error_rate(scores, targets)
    assert values["min Cllr"] == min_cllr(scores, targets)
    assert (found.targets, found.non_targets, found.speakers) == (len(kinds[0]), len(kinds[1]), 5)


def test_scores_that_are_not_calibrated_have_no_figures_that_take_them_at_their_word():
    found = verification_figures(scored(*simulated(0, 5), False), 50)
    assert list(found.figures) == NAMES
    with_all = verification_figures(scored(*simulated(0, 5), True), 50)
    assert list(with_all.figures) == [*NAMES, "actDCF(0.01)", "actDCF(0.05)", "Cllr"]
    assert {name: with_all.figures[name] for name in NAMES} == found.figures


def test_intervals_hold_the_figures_and_do_not_depend_on_the_scores_scale():
    scores, targets, pairs = simulated(3, 12)
    found = verification_figures(scored(scores, targets, pairs, False), 200)
    for figure in found.figures.values():
        assert figure.interval[0] <= figure.value <= figure.interval[1]
    stretched = verification_figures(scored([math.exp(score) for score in scores], targets, pairs, False), 200)
    assert stretched.figures == found.figures
