"""What a verification costs where both errors have a price: the detection cost function of NIST, normalised.

An error of either kind costs 1. ``p_target`` is how probable a target trial is where the verification is used, whatever
their part in the list of trials. The cost is divided by that of the better of accepting all and rejecting all, which is
``min(p_target, 1 - p_target)``: 1 means that the scores are of no use there, as in the plans of NIST's evaluations
(https://www.nist.gov/itl/iad/mig/speaker-recognition).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyspeech.speakers.shares import Floats, Shares


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
