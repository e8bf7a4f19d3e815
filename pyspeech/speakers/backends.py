"""What a trial is scored by: two utterances as two vectors, in a space where every back-end's score is one product."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyspeech.speakers.embeddings import unit_rows

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

_BLOCK = 1 << 14  # pairs that are multiplied together


@dataclass(frozen=True)
class Vectors:
    """Utterances as a back-end compares them: the score of two is the inner product of their rows plus both offsets.

    ``rows_ND`` is float64[N, D], ``offsets_N`` float64[N]. Only vectors of one back-end can be compared.
    """

    rows_ND: Floats
    offsets_N: Floats

    def scores(self, left_T: Places, right_T: Places) -> Floats:
        """Return the score of each pair of utterances, given by their rows."""
        scores_T = self.offsets_N[left_T] + self.offsets_N[right_T]
        for start in range(0, len(left_T), _BLOCK):
            block = slice(start, start + _BLOCK)
            scores_T[block] += np.einsum("td,td->t", self.rows_ND[left_T[block]], self.rows_ND[right_T[block]])
        return scores_T

    def scores_against(self, others: "Vectors") -> Floats:
        """Return the scores of all pairs of one of these and one of ``others``: float64[N, M]."""
        scores_NM: Floats = self.rows_ND @ others.rows_ND.T
        scores_NM += self.offsets_N[:, None]
        scores_NM += others.offsets_N
        return scores_NM

    def __getitem__(self, rows: slice) -> "Vectors":
        return Vectors(self.rows_ND[rows], self.offsets_N[rows])

    def __len__(self) -> int:
        return len(self.rows_ND)


def cosine_vectors(rows_ND: NDArray[np.floating[Any]]) -> Vectors:
    """Return embeddings, none of them zero, as vectors whose score is the cosine of the angle between two: -1 to 1."""
    return Vectors(unit_rows(rows_ND.astype(np.float64)), np.zeros(len(rows_ND)))
