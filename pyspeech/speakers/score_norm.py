"""Adaptive symmetric normalisation (AS-norm): a score, as far above those of strangers as they vary.

Each utterance of a trial is compared with the speakers of a cohort, who are strangers to it. Of those most like it, the
mean and the standard deviation say what a score against it is worth. The trial's score is shifted and scaled by the one
utterance's and by the other's, and the two are averaged: S-norm of Kenny 2010 with cohorts chosen for each utterance
(Matějka et al. 2017, https://doi.org/10.21437/Interspeech.2017-803, "adaptive S-norm 1").
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pyspeech.errors import UserError
from pyspeech.speakers.backends import Floats, Places, Vectors
from pyspeech.speakers.embeddings import Embeddings, unit_rows

TOP = 300  # of the cohort's speakers, as is usual with the few thousands of VoxCeleb
MIN_COHORT = 2  # speakers, as one score does not vary

_BLOCK_SCORES = 1 << 22  # of utterances and cohort, held together: 32 MiB
_LEAST_DEVIATION = 1e-9  # of the scores; scores that are alike but for rounding deviate less


@dataclass(frozen=True)
class CohortStatistics:
    """Of each utterance, the mean and the standard deviation of its best scores against the cohort: float64[N]."""

    means_N: Floats
    deviations_N: Floats

    def normalised(self, scores_T: Floats, left_T: Places, right_T: Places) -> Floats:
        """Return the normalised scores of trials, whose utterances are given by their places."""
        left, right = (
            (scores_T - self.means_N[places_T]) / self.deviations_N[places_T] for places_T in (left_T, right_T)
        )
        both_T: Floats = (left + right) / 2
        return both_T


def speaker_means(embeddings: Embeddings) -> NDArray[np.float32]:
    """Return the direction of each speaker: the mean of the unit-length embeddings, again of unit length.

    Raises:
        UserError: an utterance's speaker is unknown, there are fewer than two speakers, or a mean has no direction.
    """
    speakers = embeddings.by_speaker()
    if len(speakers) < MIN_COHORT:
        raise UserError(
            f"a cohort of one speaker ({next(iter(speakers))}) has no spread; give embeddings of at least {MIN_COHORT}"
        )
    means_KD = np.stack([unit_rows(embeddings.rows_ND[places]).mean(axis=0) for places in speakers.values()])
    for speaker, length in zip(speakers, np.linalg.norm(means_KD, axis=1), strict=True):
        if length < 1e-6:  # float32's rounding of sums of 1
            raise UserError(f"the embeddings of the cohort's speaker {speaker} cancel each other out; leave them out")
    return unit_rows(means_KD)


def cohort_statistics(vectors: Vectors, cohort: Vectors, top: int) -> CohortStatistics:
    """Compare each utterance with the cohort once.

    Args:
        vectors: The utterances.
        cohort: Its speakers, at least two, as the same back-end has them.
        top: How many of the cohort's best scores of an utterance count, at least 2; all, where the cohort is smaller.

    Raises:
        UserError: the best scores of an utterance do not differ.
    """
    count = min(top, len(cohort))
    means_N, deviations_N = np.empty(len(vectors)), np.empty(len(vectors))
    step = max(1, _BLOCK_SCORES // len(cohort))
    for start in range(0, len(vectors), step):
        block = slice(start, start + step)
        scores_NM = vectors[block].scores_against(cohort)
        best_NM = np.partition(scores_NM, len(cohort) - count, axis=1)[:, len(cohort) - count :]
        means_N[block], deviations_N[block] = best_NM.mean(axis=1), best_NM.std(axis=1)
    if (deviations_N <= _LEAST_DEVIATION * (1 + np.abs(means_N))).any():
        raise UserError(
            f"the {count} best scores of an utterance against the cohort are all the same, so they cannot scale its "
            "scores; give a cohort of more speakers, each embedded from audio of their own"
        )
    return CohortStatistics(means_N, deviations_N)
