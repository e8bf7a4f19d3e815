"""Error rates of a verification by its trials: shares at each score, equal error rate, detection costs.

Only the order of the scores counts, but for the actual cost. Trials of equal scores are accepted or rejected together.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyspeech.errors import UserError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Shares:
    """Trials in the order of their scores, in runs that no figure has to look into.

    Args:
        target_R: Part (0 to 1) of all target trials that is in each run, float64[R]; the sum is 1.
        non_target_R: The same of the non-target trials.
    """

    target_R: Floats
    non_target_R: Floats

    @cached_property
    def rejected(self) -> Floats:
        """Part of the target trials below each threshold, from 0 before the first run to 1 after the last: [R + 1]."""
        return _sums(self.target_R)

    @cached_property
    def accepted(self) -> Floats:
        """Part of the non-target trials above each threshold, from 1 to 0: [R + 1]."""
        accepted: Floats = 1 - _sums(self.non_target_R)
        return accepted


class Ranking:
    """Scores and kinds of trials, sorted once, whose shares can then be had under many weights.

    Neighbours make up one run where they have the same score, or where they and all that have their scores are of one
    kind: a threshold between such neighbours is no better than both thresholds around them, and the straight line
    that joins those in a plot of both error rates passes through it.

    Args:
        scores: Of each trial, higher for one speaker; finite.
        targets: Of each trial, whether it is of one speaker. Both kinds occur.

    Raises:
        UserError: there is no trial, or one kind only, or a score that is not finite.
    """

    def __init__(self, scores: ArrayLike, targets: ArrayLike) -> None:
        score_T, target_T = np.asarray(scores, dtype=np.float64), np.asarray(targets, dtype=bool)
        check_measurable(score_T, target_T)
        self._order_T: NDArray[np.int64] = np.argsort(score_T, kind="stable")
        self._target_T: Floats = target_T[self._order_T].astype(np.float64)
        self._starts_R = _starts(score_T[self._order_T], self._target_T)

    def shares(self, weights: ArrayLike | None = None) -> Shares:
        """Return the shares of trials that each count as often as ``weights`` say, or once.

        Both kinds have a weight above 0.
        """
        times_T = np.ones(len(self._order_T)) if weights is None else np.asarray(weights, dtype=np.float64)
        weight_T = times_T[self._order_T]
        all_R = np.add.reduceat(weight_T, self._starts_R)
        target_R = np.add.reduceat(weight_T * self._target_T, self._starts_R)
        non_target_R = all_R - target_R
        return Shares(target_R / target_R.sum(), non_target_R / non_target_R.sum())


def check_measurable(score_T: Floats, target_T: NDArray[np.bool_]) -> None:
    """Make sure that there is something to measure.

    Raises:
        UserError: there is no trial, or one kind only, or a score that is not finite.
    """
    if not target_T.any() or target_T.all():
        kind = "no trial" if not len(target_T) else f"only {'' if target_T[0] else 'non-'}target trials"
        raise UserError(f"found {kind}; a verification is measured on trials of one speaker and of two")
    broken = np.flatnonzero(~np.isfinite(score_T))
    if len(broken):
        raise UserError(
            f"{len(broken)} of {len(score_T)} scores are not finite, the first that of trial {broken[0] + 1}; "
            "look at what computed them"
        )


def _starts(score_T: Floats, target_T: Floats) -> NDArray[np.int64]:
    """Where runs begin, of trials in order."""
    ties = np.flatnonzero(np.concatenate([[True], score_T[1:] != score_T[:-1]]))
    part = np.add.reduceat(target_T, ties) / np.diff(ties, append=len(score_T))
    pure = (part == 0) | (part == 1)
    same: NDArray[np.bool_] = np.concatenate([[False], (part[1:] == part[:-1]) & pure[1:]])
    starts: NDArray[np.int64] = ties[~same]
    return starts


def _sums(share_R: Floats) -> Floats:
    sums = np.concatenate([[0.0], share_R.cumsum()])
    fractions: Floats = sums / sums[-1]  # so that rounding leaves no trial out at the end
    return fractions


def equal_error_rate(scores: ArrayLike, targets: ArrayLike) -> float:
    """Return the rate at which as many target trials are rejected as non-target trials are accepted, each in its kind.

    Each different score is a threshold, below which trials are rejected; so trials of equal scores are accepted or
    rejected together. Between two neighbouring thresholds, both rates are taken to change in proportion: that is what
    choosing between the two at random gives. So a score that says nothing has a rate of 0.5.

    Args:
        scores: Of each trial, higher for one speaker.
        targets: Of each trial, whether it is of one speaker. Both kinds occur.

    Raises:
        UserError: there is no trial, or one kind only, or a score that is not finite.
    """
    return crossing(Ranking(scores, targets).shares())


def crossing(shares: Shares) -> float:
    """Return :func:`equal_error_rate` of trials by their shares."""
    rejected_P, accepted_P = shares.rejected, shares.accepted
    # From (0, 1) to (1, 0): the first threshold at which rejecting is the commoner error, and the one before.
    after = int(np.argmax(rejected_P >= accepted_P))
    before = after - 1
    surplus, lack = accepted_P[before] - rejected_P[before], rejected_P[after] - accepted_P[after]
    part = surplus / (surplus + lack)
    return float(rejected_P[before] + part * (rejected_P[after] - rejected_P[before]))


# What a verification costs where both errors have a price: the detection cost function of NIST, normalised.
# An error of either kind costs 1. ``p_target`` is how probable a target trial is where the verification is used,
# whatever their part in the list of trials. The cost is divided by that of the better of accepting all and rejecting
# all, ``min(p_target, 1 - p_target)``: 1 means that the scores are of no use there, as in the plans of NIST's
# evaluations (https://www.nist.gov/itl/iad/mig/speaker-recognition).


@dataclass(frozen=True)
class LowestCost:
    """The lowest normalised cost (0 to 1) of any threshold, and both error rates (fractions) there."""

    cost: float
    rejected: float
    accepted: float


def min_dcf(shares: Shares, p_target: float) -> LowestCost:
    """Return the cost of the threshold that is best for these very trials.

    Args:
        shares: Of trials.
        p_target: Above 0, below 1.
    """
    costs_P = (p_target * shares.rejected + (1 - p_target) * shares.accepted) / min(p_target, 1 - p_target)
    best = int(np.argmin(costs_P))
    return LowestCost(float(costs_P[best]), float(shares.rejected[best]), float(shares.accepted[best]))


def act_dcf_costs(llrs: ArrayLike, targets: ArrayLike, p_target: float) -> Floats:
    """Return what each trial costs where those are accepted that log-likelihood ratios bid to accept.

    That is at or above ``log((1 - p_target) / p_target)``. The mean over the target trials and that over all others add
    up to the actual detection cost, actDCF.

    Args:
        llrs: Natural log-likelihood ratio of each trial.
        targets: Of each trial, whether it is of one speaker.
        p_target: Above 0, below 1.
    """
    target_T: NDArray[np.bool_] = np.asarray(targets, dtype=bool)
    accepted_T = np.asarray(llrs) >= math.log((1 - p_target) / p_target)
    price_T = np.where(target_T, p_target, 1 - p_target) / min(p_target, 1 - p_target)
    costs_T: Floats = price_T * (accepted_T != target_T)
    return costs_T
