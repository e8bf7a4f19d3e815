"""Whether one decode is better than another, or only luckier with these utterances.

Two tests, since they assume different things. The paired bootstrap draws utterances (Bisani and Ney, "Bootstrap
estimates for confidence intervals in ASR performance evaluation", ICASSP 2004). MAPSSWE, the matched pairs sentence
segment word error test, takes stretches of speech between words that both got right as independent (Gillick and Cox,
"Some statistical issues in the comparison of speech recognition algorithms", ICASSP 1989; segments as in NIST's SCTK).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pyspeech.scoring.bootstrap import REPLICATIONS, SEED, resampled_sums
from pyspeech.scoring.wer import GAP, Pairs

# So many words in a row that both decodes have right end a segment: what an error does to its neighbours, through a
# trigram language model, ends there.
BOUNDARY_WORDS = 2
# With fewer segments the normal approximation of MAPSSWE is poor.
ENOUGH_SEGMENTS = 50


@dataclass(frozen=True)
class PairedBootstrap:
    """The difference of two error rates over utterances drawn with replacement, the same ones for both.

    Args:
        interval: 95% of the second rate less the first (fractions).
        first_better: Share of the samples in which the first decode has the lower rate.
        second_better: Share of the samples in which the second has: the probability of improvement.
        p: Two-sided; never 0, since so many samples can only show so much.
    """

    interval: tuple[float, float]
    first_better: float
    second_better: float
    p: float


@dataclass(frozen=True)
class MatchedPairs:
    """MAPSSWE: a z-test on the differences of errors per segment.

    Args:
        segments: Stretches with an error of either decode.
        mean: Errors of the second decode less those of the first, per segment; 0 without a segment.
        z: ``None`` where the differences have no variance and yet a mean, or there is but one segment: no test then.
        p: Two-sided; ``None`` as ``z``.
    """

    segments: int
    mean: float
    z: float | None
    p: float | None


def paired_bootstrap(
    counts: Sequence[tuple[int, int, int]], replications: int = REPLICATIONS, seed: int = SEED
) -> PairedBootstrap:
    """Compare two decodes of the same utterances.

    Args:
        counts: Of each utterance the errors of the first decode, those of the second, and the reference words.
            At least one reference word.
        replications: Number of samples drawn.
        seed: The same seed gives the same result.
    """
    first, second, lengths = resampled_sums(counts, replications, seed).T
    # A sample of empty references alone has no rate.
    differences = (second - first)[lengths > 0] / lengths[lengths > 0]
    samples = len(differences)
    assert samples, "an error rate needs a reference word"
    # The observed sample counts as one more: an observed difference is never impossible.
    rarer = min(np.count_nonzero(differences >= 0), np.count_nonzero(differences <= 0))
    low, high = np.percentile(differences, [2.5, 97.5])
    return PairedBootstrap(
        interval=(float(low), float(high)),
        first_better=np.count_nonzero(differences > 0) / samples,
        second_better=np.count_nonzero(differences < 0) / samples,
        p=min(1.0, 2 * (int(rarer) + 1) / (samples + 1)),
    )


def matched_pairs(segments: Iterable[tuple[int, int]]) -> MatchedPairs:
    """Test whether two decodes make equally many errors per segment.

    Args:
        segments: Errors of the first decode and of the second, as ``error_segments`` finds them in every utterance.
    """
    differences = [second - first for first, second in segments]
    count = len(differences)
    if not any(differences):
        return MatchedPairs(count, 0.0, 0.0, 1.0)
    mean = sum(differences) / count
    squares = sum((difference - mean) ** 2 for difference in differences)
    if len(set(differences)) == 1:
        return MatchedPairs(count, mean, None, None)
    z = mean / math.sqrt(squares / (count - 1) / count)
    return MatchedPairs(count, mean, z, math.erfc(abs(z) / math.sqrt(2)))


def error_segments(first: Pairs, second: Pairs) -> list[tuple[int, int]]:
    """Return the errors of both alignments of one reference in every segment that has any.

    A segment ends where both have ``BOUNDARY_WORDS`` reference words in a row right with nothing inserted between
    them, and with the utterance.
    """
    segments = []
    errors, other_errors, right = 0, 0, 0
    for (inserted, wrong), (other_inserted, other_wrong) in zip(_columns(first), _columns(second), strict=True):
        errors += inserted + wrong
        other_errors += other_inserted + other_wrong
        if inserted or other_inserted:
            right = 0
        right = 0 if wrong or other_wrong else right + 1
        if right >= BOUNDARY_WORDS and (errors or other_errors):
            segments.append((errors, other_errors))
            errors, other_errors = 0, 0
    return [*segments, (errors, other_errors)] if errors or other_errors else segments


def _columns(pairs: Pairs) -> list[tuple[int, bool]]:
    """Return of every reference word how many were inserted before it and whether it is wrong, and so of the end."""
    columns, inserted = [], 0
    for reference, hypothesis in pairs:
        if reference == GAP:
            inserted += 1
        else:
            columns.append((inserted, hypothesis != reference))
            inserted = 0
    return [*columns, (inserted, False)]
