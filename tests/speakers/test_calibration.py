import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.errors import MissingPackage, UserError
from pyspeech.speakers.calibration import AffineMap, cllr_costs, fit_calibration, min_cllr
from tests.trial_lists import SCORES, labelled

optimize = pytest.importorskip("scipy.optimize", reason="needs scipy, which this lane does not have")


def direct_cllr(targets, non_targets):
    missed = sum(math.log2(1 + math.exp(-llr)) for llr in targets) / len(targets)
    alarmed = sum(math.log2(1 + math.exp(llr)) for llr in non_targets) / len(non_targets)
    return (missed + alarmed) / 2


def cllr(targets, non_targets):
    costs = cllr_costs(*labelled(targets, non_targets))
    return costs[: len(targets)].mean() + costs[len(targets) :].mean()


def best_rising_map(targets, non_targets):
    """By trying every way to pool neighbouring scores: the lowest Cllr of all that rise."""
    scores = sorted({*targets, *non_targets})
    best = math.inf
    for cuts in range(2 ** (len(scores) - 1)):
        pools, cost = [[]], 0.0
        for place, score in enumerate(scores):
            pools[-1].append(score)
            if cuts >> place & 1 and place < len(scores) - 1:
                pools.append([])
        shares = [
            (sum(s in pool for s in targets) / len(targets), sum(s in pool for s in non_targets) / len(non_targets))
            for pool in pools
        ]
        ratios = [target / (target + other) for target, other in shares]
        if ratios == sorted(ratios):
            for target, other in shares:
                cost += target * math.log2((target + other) / target) if target else 0.0
                cost += other * math.log2((target + other) / other) if other else 0.0
            best = min(best, cost / 2)
    return best


@given(SCORES, SCORES)
def test_min_cllr_is_that_of_the_best_of_all_rising_maps(targets, non_targets):
    assert min_cllr(*labelled(targets, non_targets)) == pytest.approx(best_rising_map(targets, non_targets), abs=1e-12)


@given(SCORES, SCORES)
def test_only_the_order_of_scores_matters_to_min_cllr(targets, non_targets):
    stretched = [[score**3 / 7 - 2 for score in scores] for scores in (targets, non_targets)]
    assert min_cllr(*labelled(*stretched)) == min_cllr(*labelled(targets, non_targets))


@given(SCORES, SCORES, st.floats(0.1, 3), st.floats(-5, 5))
def test_cllr_equals_its_direct_sum_and_is_never_below_min_cllr(targets, non_targets, scale, offset):
    llrs = [[scale * score + offset for score in scores] for scores in (targets, non_targets)]
    assert cllr(*llrs) == pytest.approx(direct_cllr(*llrs))
    assert min_cllr(*labelled(*llrs)) <= cllr(*llrs) + 1e-12


def test_known_costs():
    assert min_cllr([1, 2, 3, 4], [0, 0, 1, 1]) == 0
    assert min_cllr([4, 3, 2, 1], [0, 0, 1, 1]) == pytest.approx(1)
    assert min_cllr([1, 2, 3, 4], [0, 1, 0, 1]) == pytest.approx(0.5)
    assert cllr([0, 0], [0]) == pytest.approx(1)
    assert cllr([1e4], [-1e4]) == 0
    assert cllr([-1e4], [1e4]) == pytest.approx(1e4 / math.log(2))  # no overflow


def normal_llrs(seed, targets, non_targets, separation):
    """Scores that are log-likelihood ratios: normal, of mean +-m and variance 2 m."""
    rng, mean = np.random.default_rng(seed), separation**2 / 2
    llrs = [rng.normal(mean, separation, targets), rng.normal(-mean, separation, non_targets)]
    return np.concatenate(llrs), np.arange(targets + non_targets) < targets


def penalised_cost(weights, scores, targets, p_target):
    """Term by term, as the formulas are written."""
    counts = {True: sum(targets), False: len(targets) - sum(targets)}
    prior = {True: p_target, False: 1 - p_target}
    cost, information = 0.0, np.zeros((2, 2))
    for score, target in zip(scores, targets, strict=True):
        weight = len(scores) * prior[bool(target)] / counts[bool(target)]
        logit = weights[0] * score + weights[1] + math.log(p_target / (1 - p_target))
        cost += weight * np.logaddexp(0, -logit if target else logit)
        variance = math.exp(-np.logaddexp(0, -logit) - np.logaddexp(0, logit))
        information += weight * variance * np.array([[score * score, score], [score, 1]])
    return cost - 0.5 * np.linalg.slogdet(information)[1]


@pytest.mark.parametrize(("targets", "others", "separation"), [(3, 5, 1.0), (20, 60, 2.5), (15, 40, 9.0)])
@pytest.mark.parametrize("p_target", [0.05, 0.5])
def test_the_map_is_the_optimum_that_a_search_without_gradients_finds(targets, others, separation, p_target):
    scores, kinds = normal_llrs(1, targets, others, separation)
    fitted = fit_calibration(scores, kinds, p_target)
    options = {"xatol": 1e-7, "fatol": 1e-11, "maxiter": 2000}
    start = [0.5, 0.0]
    found = optimize.minimize(penalised_cost, start, (scores, kinds, p_target), "Nelder-Mead", options=options)
    assert [fitted.scale, fitted.offset] == pytest.approx(found.x, abs=1e-4)


@given(st.floats(0.01, 100), st.floats(-50, 50), st.integers(0, 9))
def test_ratios_do_not_depend_on_scale_and_place_of_the_scores(scale, offset, seed):
    scores, kinds = normal_llrs(seed, 10, 30, 2.0)
    moved = scale * scores + offset
    expected = fit_calibration(scores, kinds, 0.05)(scores)
    assert fit_calibration(moved, kinds, 0.05)(moved) == pytest.approx(expected, abs=1e-5)


def test_distorted_ratios_are_set_right():
    scores, kinds = normal_llrs(0, 5_000, 50_000, 3.0)
    fitted = fit_calibration((scores - 7) / 20, kinds, 0.05)
    assert fitted.scale == pytest.approx(20, rel=0.03)
    assert fitted.offset == pytest.approx(7, abs=0.1)
    costs = cllr_costs(fitted((scores - 7) / 20), kinds)
    assert costs[kinds].mean() + costs[~kinds].mean() == pytest.approx(min_cllr(scores, kinds), abs=0.005)


def test_the_prior_counts_for_little_where_likelihood_alone_has_an_optimum():
    scores, kinds = normal_llrs(0, 450, 4_500, 2.5)

    def plain(weights):
        costs = cllr_costs(weights[0] * scores + weights[1] - math.log(19), kinds)
        return 0.05 * costs[kinds].mean() + 0.95 * costs[~kinds].mean()

    found = optimize.minimize(plain, [0.5, 0.0], method="Nelder-Mead").x
    fitted = fit_calibration(scores, kinds, 0.05)
    assert [fitted.scale, fitted.offset] == pytest.approx(found, abs=0.03)


@pytest.mark.parametrize("each", [1, 2, 30, 1000])
def test_trials_that_a_threshold_divides_without_an_error_still_give_finite_ratios(each):
    scores = np.concatenate([np.linspace(2, 3, each), np.linspace(0, 1, 10 * each)])
    kinds = np.arange(11 * each) < each
    llrs = fit_calibration(scores, kinds, 0.05)(scores)
    assert 0 < llrs[kinds].min() <= llrs[kinds].max() < 25
    assert -25 < llrs[~kinds].min() < llrs[~kinds].max() < 1.5


def test_more_trials_without_an_error_give_stronger_ratios():
    found = []
    for each in (2, 20, 200):
        scores = np.concatenate([np.full(each, 1.0), np.full(10 * each, 0.0)])
        found.append(fit_calibration(scores, np.arange(11 * each) < each, 0.05)([1.0, 0.0]))
    assert found[0][0] < found[1][0] < found[2][0]
    assert found[0][1] > found[1][1] > found[2][1]


@pytest.mark.parametrize(
    ("scores", "targets", "message"),
    [
        ([1, 2], [True, True], "only target trials"),
        ([], [], "no trial"),
        ([1, np.inf], [True, False], "not finite"),
        ([2, 2, 2], [True, False, False], "all 3 scores are 2; no map"),
        ([1, 2, 3, -1e300], [True, True, False, False], r"the score -1e\+300 lies so far from the others"),
        ([1e200, 2, 3, 4], [True, True, False, False], r"the score 1e\+200 lies so far from the others"),
        ([1, 2, 3, 4], [True, True, False, False], "target trials have no higher scores"),
        ([1, 3, 3, 1], [True, True, False, False], "target trials have no higher scores"),
    ],
)
@pytest.mark.parametrize("p_target", [0.05, 0.5])
def test_scores_that_no_rising_map_fits_are_named(scores, targets, message, p_target):
    with pytest.raises(UserError, match=message):
        fit_calibration(scores, targets, p_target)


def test_a_map_takes_one_score_or_many():
    assert AffineMap(2.0, -1.0)([1, 2]).tolist() == [1, 3]
    assert float(AffineMap(2.0, -1.0)(3)) == 5


def test_without_scipy_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(
        MissingPackage, match=r"min Cllr needs the package scipy.*pip install 'pyspeech-recipes\[verify\]'"
    ):
        min_cllr([1, 2], [False, True])
