"""The equal error rate of a verification, and how far it could be off, had other speakers been recorded."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

REPLICATIONS = 1_000
SEED = 0


def equal_error_rate(scores: ArrayLike, targets: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Return the rate at which as many target trials are rejected as non-target trials are accepted, each in its kind.

    Each different score is a threshold, below which trials are rejected; so trials of equal scores are accepted or
    rejected together. Between two neighbouring thresholds, both rates are taken to change in proportion: that is what
    choosing between the two at random gives. So a score that says nothing has a rate of 0.5.

    Args:
        scores: Of each trial, higher for one speaker.
        targets: Of each trial, whether it is of one speaker. Both kinds occur.
        weights: Of each trial, how often it counts; once without them.
    """
    places = np.unique(np.asarray(scores), return_inverse=True)[1].ravel()
    target_T = np.asarray(targets, dtype=bool)
    weight_T = np.ones(len(places)) if weights is None else np.asarray(weights, dtype=np.float64)
    return _crossing(places, target_T, weight_T)


def interval_over_speakers(
    scores: ArrayLike, targets: ArrayLike, pairs: Sequence[tuple[str, str]], replications: int = REPLICATIONS
) -> tuple[float, float]:
    """Return the 95% percentile interval of the equal error rate over speakers drawn with replacement.

    Trials of the same speakers are alike, which drawing single trials would overlook. A speaker who is drawn twice is
    two speakers: a target trial then counts twice, and a trial of two speakers as often as the product of their draws
    (the subsets bootstrap of Bolle, Ratha, Pankanti 2004, https://doi.org/10.1016/j.cviu.2003.08.002, for pairs).

    Args:
        scores: Of each trial.
        targets: Of each trial, whether it is of one speaker.
        pairs: Of each trial, its two utterances.
        replications: Number of samples drawn.
    """
    target_T = np.asarray(targets, dtype=bool)
    places = np.unique(np.asarray(scores), return_inverse=True)[1].ravel()
    left, right = np.array(speakers_of(pairs, target_T)).T
    count = 1 + max(left.max(), right.max())
    rates = []
    for draws in np.random.default_rng(SEED).multinomial(count, np.full(count, 1 / count), size=replications):
        weight_T = np.where(left == right, draws[left], draws[left] * draws[right]).astype(np.float64)
        # A sample without either kind of trial has no rate.
        if weight_T[target_T].any() and weight_T[~target_T].any():
            rates.append(_crossing(places, target_T, weight_T))
    low, high = np.percentile(rates, [2.5, 97.5]) if rates else (0.0, 1.0)
    return float(low), float(high)


def speakers_of(pairs: Sequence[tuple[str, str]], targets: ArrayLike) -> list[tuple[int, int]]:
    """Return the speakers, counted from 0, of both utterances of each trial, as the target trials tell them.

    Utterances that target trials join are of one speaker; one without a target trial has a speaker of its own.
    """
    above: dict[str, str] = {}

    def top(id_: str) -> str:
        while above.setdefault(id_, id_) != id_:
            above[id_] = above[above[id_]]
            id_ = above[id_]
        return id_

    for (left, right), target in zip(pairs, np.asarray(targets, dtype=bool), strict=True):
        if target:
            above[top(left)] = top(right)
    numbers: dict[str, int] = {}
    return [
        (numbers.setdefault(top(left), len(numbers)), numbers.setdefault(top(right), len(numbers)))
        for left, right in pairs
    ]


def _crossing(places: NDArray[np.int64], target_T: NDArray[np.bool_], weight_T: Floats) -> float:
    """Equal error rate of trials whose scores are the ``places``-th smallest."""
    rejected = _cumulative(places[target_T], weight_T[target_T], places.max() + 1)
    accepted = 1 - _cumulative(places[~target_T], weight_T[~target_T], places.max() + 1)
    # From (0, 1) to (1, 0): the first threshold at which rejecting is the commoner error, and the one before.
    after = int(np.argmax(rejected >= accepted))
    before = after - 1
    surplus, lack = accepted[before] - rejected[before], rejected[after] - accepted[after]
    part = surplus / (surplus + lack)
    return float(rejected[before] + part * (rejected[after] - rejected[before]))


def _cumulative(places: NDArray[np.int64], weight_T: Floats, count: int) -> Floats:
    """Fraction of the weight below each of the thresholds, the first of which is below all."""
    sums = np.concatenate([[0.0], np.bincount(places, weight_T, count).cumsum()])
    fractions: Floats = sums / sums[-1]
    return fractions
