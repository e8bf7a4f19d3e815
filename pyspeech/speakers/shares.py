"""Which part of both kinds of trials stands at each score: all that figures of a verification depend on.

Only the order of the scores counts here. Trials of equal scores are accepted or rejected together.
"""

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
