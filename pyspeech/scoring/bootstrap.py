"""How far a rate could be off, had other utterances been recorded: the bootstrap over utterances.

Bisani and Ney, "Bootstrap estimates for confidence intervals in ASR performance evaluation", ICASSP 2004
(https://doi.org/10.1109/ICASSP.2004.1326009).
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

REPLICATIONS = 10_000
SEED = 0
_BLOCK = 1_000


class Errors(Protocol):
    """What of an utterance makes an error rate, as ``pyspeech.scoring.wer.ErrorCounts``."""

    @property
    def errors(self) -> int: ...

    @property
    def reference_length(self) -> int: ...


def error_rate_interval(
    counts: Iterable[Errors], replications: int = REPLICATIONS, seed: int = SEED
) -> tuple[float, float]:
    """Return the 95% percentile interval of the error rate over utterances drawn with replacement.

    Args:
        counts: Of one utterance each; at least one with a reference symbol.
        replications: Number of samples drawn.
        seed: The same seed gives the same interval.
    """
    return rate_interval(((one.errors, one.reference_length) for one in counts), replications, seed)


def rate_interval(
    pairs: Iterable[tuple[int, int]], replications: int = REPLICATIONS, seed: int = SEED
) -> tuple[float, float]:
    """Return the 95% percentile interval of a rate over utterances drawn with replacement.

    Args:
        pairs: Of each utterance what happened and how often it could have; the rate is the ratio of the two sums.
            At least one utterance where it could.
        replications: Number of samples drawn.
        seed: The same seed gives the same interval.
    """
    happened, possible = resampled_sums(list(pairs), replications, seed).T
    # A sample of utterances where it could not happen has no rate.
    rates = happened[possible > 0] / possible[possible > 0]
    assert len(rates), "a rate needs an utterance that counts"
    low, high = np.percentile(rates, [2.5, 97.5])
    return float(low), float(high)


def resampled_sums(
    counts: Sequence[Sequence[int]], replications: int = REPLICATIONS, seed: int = SEED
) -> NDArray[np.int64]:
    """Return the sums, int64[replications, columns], of ``counts`` over utterances drawn with replacement.

    Args:
        counts: One row of counts per utterance.
        replications: Number of samples drawn, each of as many utterances as there are.
        seed: The same seed gives the same sums.
    """
    rows = np.array(counts, dtype=np.int64)
    # Utterances with the same counts are interchangeable: drawing how often each kind occurs is the same sample,
    # and neither time nor memory grow with the corpus.
    kinds, occurrences = np.unique(rows, axis=0, return_counts=True)
    random = np.random.default_rng(seed)
    sums = []
    for start in range(0, replications, _BLOCK):
        size = min(_BLOCK, replications - start)
        sums.append(random.multinomial(len(rows), occurrences / len(rows), size=size) @ kinds)
    return np.concatenate(sums)
