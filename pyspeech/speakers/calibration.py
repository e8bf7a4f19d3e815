"""How much scores tell, taken as likelihood ratios, and the affine map that makes them such.

Brümmer and du Preez, "Application-independent evaluation of speaker detection", Computer Speech and Language 2006
(https://doi.org/10.1016/j.csl.2005.08.001). Likelihood ratios are natural logarithms throughout, costs are bits.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyspeech.errors import MissingPackage, UserError
from pyspeech.speakers.error_rates import Floats, Ranking, Shares, check_measurable

LONGEST_STEP, SHORTEST_STEP = 1.0, 1e-9  # of a weight, for scores of mean 0 and deviation 1
MOST_STEPS = 1_000


@dataclass(frozen=True)
class AffineMap:
    """Makes natural log-likelihood ratios of scores: ``scale * score + offset``, with ``scale`` above 0."""

    scale: float
    offset: float

    def __call__(self, scores: ArrayLike) -> Floats:
        llrs: Floats = self.scale * np.asarray(scores, dtype=np.float64) + self.offset
        return llrs


def fit_calibration(scores: ArrayLike, targets: ArrayLike, p_target: float) -> AffineMap:
    """Return the map that logistic regression finds, the target trials weighing ``p_target`` together.

    Its likelihood has Jeffreys' prior (Firth 1993, https://doi.org/10.1093/biomet/80.1.27), which counts for less the
    more trials there are and does not depend on the scale of the scores. So the map is finite, too, where a threshold
    divides the trials without an error (Heinze and Schemper 2002, https://doi.org/10.1002/sim.1047); likelihood alone
    would make every ratio infinite there. What it gives then shows how many trials there were, not how good the scores
    are.

    Args:
        scores: Of each trial, higher for one speaker.
        targets: Of each trial, whether it is of one speaker. Both kinds occur.
        p_target: Above 0, below 1: where on the scale the map is to fit best.

    Raises:
        UserError: there is no trial, or one kind only, or a score that is not finite; all scores are the same, or
            lie too far apart, or target trials have the lower ones.
    """
    score_T, target_T = np.asarray(scores, dtype=np.float64), np.asarray(targets, dtype=bool)
    check_measurable(score_T, target_T)
    with np.errstate(over="ignore"):
        mean, deviation = float(score_T.mean()), float(score_T.std())
    if score_T.min() == score_T.max():
        raise UserError(f"all {len(score_T)} scores are {score_T[0]:g}; no map makes likelihood ratios of them")
    share_T = np.where(target_T, p_target / target_T.sum(), (1 - p_target) / (~target_T).sum())
    weight_T = float(len(score_T)) * share_T
    regression = _Regression((score_T - mean) / deviation, target_T, weight_T, math.log(p_target / (1 - p_target)))
    try:
        scale, offset = regression.solved()
    except np.linalg.LinAlgError:
        scale = offset = math.nan
    if not math.isfinite(deviation + scale + offset):
        worst = score_T[abs(score_T).argmax()]
        raise UserError(f"the score {worst:g} lies so far from the others that no map fits them; is it one?")
    if scale <= 0:
        raise UserError(
            "target trials have no higher scores than the others; no rising map makes likelihood ratios of them"
        )
    return AffineMap(float(scale) / deviation, float(offset - scale * mean / deviation))


@dataclass(frozen=True)
class _Regression:
    """Logistic regression on scores of mean 0 and deviation 1, with weights of mean 1 and Jeffreys' prior."""

    score_T: Floats
    target_T: NDArray[np.bool_]
    weight_T: Floats
    log_odds: float  # of the prior; scale and offset stand beside them

    def solved(self) -> Floats:
        """Return scale and offset by Fisher scoring, from 0 in short steps; far off there may be other optima."""
        weights_2 = np.zeros(2)
        for _ in range(MOST_STEPS):
            step_2 = self._step(weights_2)
            step_2 *= LONGEST_STEP / max(LONGEST_STEP, float(abs(step_2).max()))
            cost = self.cost(weights_2)
            while abs(step_2).max() > SHORTEST_STEP and self.cost(weights_2 + step_2) > cost:
                step_2 = step_2 / 2
            if abs(step_2).max() <= SHORTEST_STEP:
                break
            weights_2 = weights_2 + step_2
        return weights_2

    def cost(self, weights_2: Floats) -> float:
        """Cross-entropy less half the logarithm of the information's determinant."""
        logit_T = weights_2[0] * self.score_T + weights_2[1] + self.log_odds
        entropy = self.weight_T @ np.logaddexp(0, np.where(self.target_T, -logit_T, logit_T))
        return float(entropy - np.linalg.slogdet(self._information(_probability(logit_T)))[1] / 2)

    def _step(self, weights_2: Floats) -> Floats:
        probability_T = _probability(weights_2[0] * self.score_T + weights_2[1] + self.log_odds)
        inverse_22 = np.linalg.inv(self._information(probability_T))
        variance_T = self.weight_T * probability_T * (1 - probability_T)
        influence_T = variance_T * (
            inverse_22[0, 0] * self.score_T**2 + 2 * inverse_22[0, 1] * self.score_T + inverse_22[1, 1]
        )
        slope_T = self.weight_T * (self.target_T - probability_T) + influence_T * (0.5 - probability_T)
        step_2: Floats = inverse_22 @ [slope_T @ self.score_T, slope_T.sum()]
        return step_2

    def _information(self, probability_T: Floats) -> Floats:
        variance_T = self.weight_T * probability_T * (1 - probability_T)
        mixed = variance_T @ self.score_T
        return np.array([[variance_T @ self.score_T**2, mixed], [mixed, variance_T.sum()]])


def _probability(logit_T: Floats) -> Floats:
    probabilities: Floats = 0.5 + 0.5 * np.tanh(logit_T / 2)
    return probabilities


def cllr_costs(llrs: ArrayLike, targets: ArrayLike) -> Floats:
    """Return what each trial costs whose log-likelihood ratio is taken at its word, in bits.

    The mean over the target trials and that over all others add up to Cllr, which is 1 where every ratio is 1, and
    more where ratios lead astray.

    Args:
        llrs: Natural log-likelihood ratio of each trial.
        targets: Of each trial, whether it is of one speaker.
    """
    llr_T = np.asarray(llrs, dtype=np.float64)
    costs_T: Floats = np.logaddexp(0, np.where(np.asarray(targets, dtype=bool), -llr_T, llr_T)) / math.log(4)
    return costs_T


def min_cllr(scores: ArrayLike, targets: ArrayLike) -> float:
    """Return the cost of the log-likelihood ratios that scores have after the best of all rising maps, in bits.

    0 where all target trials score above all others, 1 where scores tell nothing. Only their order counts.

    Args:
        scores: Of each trial, higher for one speaker.
        targets: Of each trial, whether it is of one speaker. Both kinds occur.

    Raises:
        UserError: there is no trial, or one kind only, or a score that is not finite.
        MissingPackage: scipy is not installed.
    """
    return least_cllr(Ranking(scores, targets).shares())


def least_cllr(shares: Shares) -> float:
    """Return :func:`min_cllr` of trials by their shares.

    The map is found by pooling adjacent violators: it gives each run the part of target trials among the trials of
    its pool, both kinds taken for equally frequent.

    Raises:
        MissingPackage: scipy is not installed.
    """
    try:
        from scipy.optimize import isotonic_regression
        from scipy.special import xlogy
    except ModuleNotFoundError as error:
        raise MissingPackage("scipy", "min Cllr", "pip install 'pyspeech-recipes[verify]'") from error
    weight_R = shares.target_R + shares.non_target_R
    met = weight_R > 0  # a draw of speakers may have no trial of a run
    target_R, non_target_R, weight_R = shares.target_R[met], shares.non_target_R[met], weight_R[met]
    # Rounding may leave a mean of ones a little above 1.
    probability_R = isotonic_regression(target_R / weight_R, weights=weight_R).x.clip(0, 1)
    nats = xlogy(target_R, probability_R).sum() + xlogy(non_target_R, 1 - probability_R).sum()
    return max(0.0, float(-nats / (2 * math.log(2))))
