"""How far an error rate could be off, had other utterances been recorded: the bootstrap over utterances.

Bisani and Ney, "Bootstrap estimates for confidence intervals in ASR performance evaluation", ICASSP 2004
(https://doi.org/10.1109/ICASSP.2004.1326009).
"""

from collections.abc import Iterable

import numpy as np

from pyspeech.scoring.wer import ErrorCounts

REPLICATIONS = 10_000
SEED = 0
_BLOCK = 1_000


def error_rate_interval(
    counts: Iterable[ErrorCounts], replications: int = REPLICATIONS, seed: int = SEED
) -> tuple[float, float]:
    """Return the 95% percentile interval of the error rate over utterances drawn with replacement.

    Args:
        counts: Of one utterance each; at least one with a reference symbol.
        replications: Number of samples drawn.
        seed: The same seed gives the same interval.
    """
    pairs = np.array([(one.errors, one.reference_length) for one in counts], dtype=np.int64).reshape(-1, 2)
    assert pairs[:, 1].any(), "an error rate needs a reference symbol"
    # Utterances with the same counts are interchangeable: drawing how often each kind occurs is the same sample,
    # and neither time nor memory grow with the corpus.
    kinds, occurrences = np.unique(pairs, axis=0, return_counts=True)
    random = np.random.default_rng(seed)
    rates = []
    for start in range(0, replications, _BLOCK):
        size = min(_BLOCK, replications - start)
        drawn = random.multinomial(len(pairs), occurrences / len(pairs), size=size)
        errors, lengths = (drawn @ kinds).T
        # A sample of empty references alone has no rate.
        rates.append(errors[lengths > 0] / lengths[lengths > 0])
    low, high = np.percentile(np.concatenate(rates), [2.5, 97.5])
    return float(low), float(high)
