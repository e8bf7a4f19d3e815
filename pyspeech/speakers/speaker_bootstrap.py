"""How far figures of a verification could be off, had other speakers been recorded: the bootstrap over speakers.

Trials of the same speakers are alike, which drawing single trials would overlook. A speaker who is drawn twice is two
speakers: a target trial then counts twice, and a trial of two speakers as often as the product of their draws (the
subsets bootstrap of Bolle, Ratha, Pankanti 2004, https://doi.org/10.1016/j.cviu.2003.08.002, for pairs).
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyspeech.speakers.error_rates import Floats

REPLICATIONS = 1_000
SEED = 0


def intervals_over_speakers(
    figures: Callable[[Floats], Sequence[float]],
    speakers: ArrayLike,
    targets: ArrayLike,
    replications: int = REPLICATIONS,
) -> list[tuple[float, float]]:
    """Return the 95% percentile interval of each figure over speakers drawn with replacement, the same ones for all.

    Args:
        figures: Gives all figures when each trial counts as often as the weights say; both kinds of trials do.
        speakers: Of each trial, those of both utterances, int[T, 2]: :func:`speakers_of`.
        targets: Of each trial, whether it is of one speaker. Both kinds occur.
        replications: Number of samples drawn.
    """
    target_T = np.asarray(targets, dtype=bool)
    drawn = [figures(weight_T) for weight_T in _draws(np.array(speakers), target_T, replications)]
    return [(float(low), float(high)) for low, high in np.percentile(drawn, [2.5, 97.5], axis=0).T]


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


def _draws(speakers_T2: NDArray[np.int64], target_T: NDArray[np.bool_], replications: int) -> Iterator[Floats]:
    """Yield how often each trial counts, float64[T], in each sample that has both kinds of trials."""
    left, right = speakers_T2.T
    count = 1 + int(speakers_T2.max())
    # A trial within one speaker has, in place of another's draws, those of number ``count``, who is drawn once.
    right = np.where(left == right, count, right)
    is_target_T = target_T.astype(np.float64)
    random = np.random.default_rng(SEED)
    for drawn in random.multinomial(count, np.full(count, 1 / count), size=replications):
        times = np.append(drawn, 1).astype(np.float64)
        weight_T: Floats = times[left] * times[right]
        if 0 < weight_T @ is_target_T < weight_T.sum():
            yield weight_T
