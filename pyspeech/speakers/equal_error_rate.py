"""The equal error rate of a verification."""

import numpy as np
from numpy.typing import ArrayLike

from pyspeech.speakers.shares import Ranking, Shares


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
