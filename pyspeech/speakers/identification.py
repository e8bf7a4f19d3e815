"""Open-set identification: who of the enrolled people said an utterance, or that nobody known did."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyspeech.errors import UserError
from pyspeech.speakers.embeddings import Embeddings, unit_rows

Floats = NDArray[np.float64]
Rows = NDArray[np.floating[Any]]

ENROL = 3  # utterances of each person
MIN_LENGTH = 1e-6  # of a mean of unit-length embeddings, which has a direction if it is longer


@dataclass(frozen=True)
class People:
    """Enrolled people: their names, all different and in ascending order, and of each a row of length 1, [P, D]."""

    names: tuple[str, ...]
    unit_PD: Floats

    def cosines(self, rows_ND: Rows) -> Floats:
        """Return how alike every embedding is to every person, -1 to 1: [N, P]."""
        cosines_NP: Floats = (unit_rows(rows_ND.astype(np.float64)) @ self.unit_PD.T).clip(-1, 1)
        return cosines_NP

    def likest(self, row_D: Rows, top: int) -> list[tuple[str, float]]:
        """Return the ``top`` people (all, where they are fewer) whom an embedding is most like, with its cosines."""
        cosines_P = self.cosines(row_D[None])[0]
        return [(self.names[p], float(cosines_P[p])) for p in descending(cosines_P[None])[0, :top]]


def people_of(means: Mapping[str, Rows]) -> People:
    """Make people from the :func:`mean_embedding` of each, by name, at least one."""
    names = tuple(sorted(means))
    return People(names, unit_rows(np.stack([means[name] for name in names]).astype(np.float64)))


def mean_embedding(rows_ND: Rows, name: str) -> Rows:
    """Return the mean direction of the utterances of a person: each counts alike, however long its row is. [D].

    Raises:
        UserError: naming the person: the utterances point in opposite directions, so that there is none.
    """
    mean_D: Rows = unit_rows(rows_ND).mean(axis=0)
    if not np.linalg.norm(mean_D) > MIN_LENGTH:
        raise UserError(f"the utterances of {name} have nothing in common; enrol others")
    return mean_D


def descending(scores_NP: Floats) -> NDArray[np.intp]:
    """Return for each row the places of its scores, the highest first; of equal ones the first stays first."""
    return np.argsort(-scores_NP, axis=1, kind="stable")


@dataclass(frozen=True)
class Probes:
    """Utterances of people some other utterances of whom are enrolled.

    Args:
        people: Who is enrolled.
        ids: Of each probe.
        person_N: Whose it is, as a place in ``people.names``.
        cosines_NP: With each of the people.
    """

    people: People
    ids: tuple[str, ...]
    person_N: NDArray[np.intp]
    cosines_NP: Floats

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether each probe is most like its own person, [N]."""
        right_N: NDArray[np.bool_] = descending(self.cosines_NP)[:, 0] == self.person_N
        return right_N

    @property
    def best(self) -> Floats:
        """The highest cosine of each probe, [N]."""
        best_N: Floats = self.cosines_NP.max(axis=1)
        return best_N

    @property
    def best_other(self) -> Floats:
        """The highest cosine of each probe if its own person were not enrolled, [N]."""
        others_NP = self.cosines_NP.copy()
        others_NP[np.arange(len(others_NP)), self.person_N] = -np.inf
        best_N: Floats = others_NP.max(axis=1)
        return best_N


def probes_of(embeddings: Embeddings, enrol: int = ENROL) -> Probes:
    """Enrol the first utterances of each speaker, in the order of their ids, and compare all others with all people.

    Args:
        embeddings: Of at least two speakers, of whom one has two utterances.
        enrol: How many of each speaker; one less than they have where that is fewer, so that one is left to compare.
            A speaker of a single utterance is enrolled with it.

    Raises:
        UserError: a speaker is not known, or there is nobody to take a person for, or no utterance to compare.
    """
    rows_of = {
        speaker: sorted(rows, key=embeddings.ids.__getitem__)
        for speaker, rows in sorted(embeddings.by_speaker().items())
    }
    first = {speaker: max(1, min(enrol, len(rows) - 1)) for speaker, rows in rows_of.items()}
    probes = [(row, speaker) for speaker, rows in rows_of.items() for row in rows[first[speaker] :]]
    if len(rows_of) < 2 or not probes:
        raise UserError(
            f"{len(embeddings.ids)} utterances of {len(rows_of)} speakers; identification needs two speakers, and one "
            "with two utterances"
        )
    enrolled = {speaker: embeddings.rows_ND[rows[: first[speaker]]] for speaker, rows in rows_of.items()}
    people = people_of({speaker: mean_embedding(rows_ND, speaker) for speaker, rows_ND in enrolled.items()})
    places = {name: place for place, name in enumerate(people.names)}
    return Probes(
        people,
        tuple(embeddings.ids[row] for row, _ in probes),
        np.array([places[speaker] for _, speaker in probes]),
        people.cosines(embeddings.rows_ND[[row for row, _ in probes]]),
    )


@dataclass(frozen=True)
class ErrorCurve:
    """Both errors of open-set identification at every threshold that decides differently, in ascending order.

    A probe whose best score is at least the threshold is taken for the best person. Each is compared twice, and both
    errors are fractions of the probes: ``known_K`` are refused or taken for another when their person is enrolled,
    ``unknown_K`` are taken for anybody when their person is left out.
    """

    threshold_K: Floats
    known_K: Floats
    unknown_K: Floats


def error_curve(probes: Probes) -> ErrorCurve:
    """Return both errors at the lowest score, between all neighbouring different ones, and above the highest.

    Scores of probes that are taken for another do not count: no threshold makes these right.
    """
    right, others = np.sort(probes.best[probes.right]), np.sort(probes.best_other)
    scores = np.unique(np.concatenate([right, others]))
    between = (scores[:-1] + scores[1:]) / 2
    # Of two neighbouring numbers the mean may be the lower one.
    between = np.where(between > scores[:-1], between, scores[1:])
    threshold_K = np.concatenate([scores[:1], between, [np.nextafter(scores[-1], np.inf)]])
    count = len(others)
    kept_K = len(right) - np.searchsorted(right, threshold_K)
    return ErrorCurve(threshold_K, 1 - kept_K / count, 1 - np.searchsorted(others, threshold_K) / count)


@dataclass(frozen=True)
class Threshold:
    """A cosine from which on a person is known, and both errors (fractions) where it was chosen."""

    value: float
    known_error: float
    unknown_error: float


def equal_errors(curve: ErrorCurve) -> Threshold:
    """Return the threshold at which both errors are equal, or nearest to it."""
    # From left to right the known error grows and the other falls; of two that are equally near, fewer errors.
    distance_K = np.abs(curve.known_K - curve.unknown_K).round(12)
    best = int(np.lexsort((np.maximum(curve.known_K, curve.unknown_K), distance_K))[0])
    return Threshold(float(curve.threshold_K[best]), float(curve.known_K[best]), float(curve.unknown_K[best]))


def choose_threshold(embeddings: Embeddings, enrol: int = ENROL) -> Threshold:
    """Return the threshold at which both errors are equal, or nearest to it, on utterances of a development set.

    Among more people somebody is easier to be taken for: it is right for about as many as that set has speakers.

    Raises:
        UserError: as :func:`probes_of`.
    """
    return equal_errors(error_curve(probes_of(embeddings, enrol)))
