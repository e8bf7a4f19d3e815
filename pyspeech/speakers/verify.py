"""Speaker verification from stored embeddings: a score for each trial, higher for one speaker."""

import logging
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pyspeech.errors import UserError
from pyspeech.files import complete, digest, refuse_others, write_json
from pyspeech.scoring.write_report import FOLDER
from pyspeech.speakers.backends import Places, Vectors, cosine_vectors
from pyspeech.speakers.embeddings import (
    IDS,
    ROWS,
    SPEAKERS,
    Embeddings,
    load_embeddings,
    refuse_other_space,
    refuse_shared,
)
from pyspeech.speakers.plda import Plda, load_plda
from pyspeech.speakers.score_norm import TOP, cohort_statistics, speaker_means
from pyspeech.speakers.trials import Trial, by_ids, read_trials

SCORES, MEANS = "scores.tsv", "verify.json"  # in a folder of a verification
FILES = frozenset({SCORES, MEANS, FOLDER})
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Backend:
    """By what trials are scored.

    Args:
        plda: A file of :func:`pyspeech.speakers.plda.save_plda`, else scores are cosines.
        cohort: A folder of embeddings, by whose speakers scores are normalised.
        top: How many speakers of the cohort count, at least 2.
    """

    plda: Path | None = None
    cohort: Path | None = None
    top: int = TOP

    def __str__(self) -> str:
        return ("plda" if self.plda else "cosine") + (", AS-norm" if self.cohort else "")


@dataclass(frozen=True)
class _Listed:
    """The trials of a list, by the numbers of their utterances, counted as they occur.

    ``ids`` are those of the utterances, ``rows_N`` the places of their embeddings.
    """

    ids: Sequence[str]
    rows_N: Places
    targets_T: NDArray[np.bool_]
    left_T: Places
    right_T: Places

    def trials(self) -> Iterator[Trial]:
        for target, left, right in zip(self.targets_T, self.left_T, self.right_T, strict=True):
            yield Trial(bool(target), self.ids[left], self.ids[right])


def verify(trials: Path, embeddings: Path, out: Path, backend: Backend) -> int:
    """Write the score of every trial to ``out/scores.tsv``, in their order, and ``verify.json``; return how many.

    Args:
        trials: The list.
        embeddings: The folder that holds its utterances.
        out: Folder to write.
        backend: By what to score.

    Raises:
        UserError: something is missing or damaged, an utterance has no embedding, embeddings are of different
            networks, or a speaker of the trials is in the cohort or in the training of the PLDA, which makes scores
            worthless.
    """
    refuse_others(out, FILES, "a verification")
    stored = load_embeddings(embeddings)
    listed = _read(trials, stored, embeddings)
    speakers = {stored.speakers[row] for row in listed.rows_N}
    made_with: dict[str, object] = {"network": stored.origin}
    plda: Plda | None = None
    if backend.plda is not None:
        plda = load_plda(backend.plda)
        refuse_other_space(f"the PLDA {backend.plda}", plda.space, embeddings, stored.space)
        refuse_shared("speaker", f"the PLDA {backend.plda}", plda.speakers, f"the trials {trials}", speakers)
        made_with["PLDA"] = digest(backend.plda)
    vectors = _vectors(stored.rows_ND[listed.rows_N], plda)
    scores_T = vectors.scores(listed.left_T, listed.right_T)
    if backend.cohort is not None:
        cohort = load_embeddings(backend.cohort)
        refuse_other_space(f"the cohort {backend.cohort}", cohort.space, embeddings, stored.space)
        for what, ours, theirs in (("utterance", cohort.ids, listed.ids), ("speaker", cohort.speakers, speakers)):
            refuse_shared(what, f"the cohort {backend.cohort}", ours, f"the trials {trials}", theirs)
        cohort_KD = speaker_means(cohort)
        if backend.top > len(cohort_KD):
            log.warning(f"{backend.cohort} has {len(cohort_KD)} speakers, not {backend.top}; all of them count")
        statistics = cohort_statistics(vectors, _vectors(cohort_KD, plda), backend.top)
        scores_T = statistics.normalised(scores_T, listed.left_T, listed.right_T)
        made_with["cohort"] = digest(*(backend.cohort / name for name in (IDS, SPEAKERS, ROWS)))
        made_with["number of cohort speakers"] = min(backend.top, len(cohort_KD))
    description = {
        "scores": str(backend),
        "calibrated": False,
        "made_with": made_with,
        "speakers": sorted(speakers - {""}),
    }
    write_verification(out, listed.trials(), scores_T.tolist(), description)
    return len(scores_T)


def write_verification(
    out: Path, trials: Iterable[Trial], scores: Iterable[float], description: dict[str, object]
) -> None:
    """Write a folder of a verification: ``scores.tsv``, and ``verify.json`` that says what the scores are.

    Raises:
        UserError: ``out`` holds other files.
    """
    refuse_others(out, FILES, "a verification")
    with complete(out) as folder:
        folder.mkdir()
        write_json(folder / MEANS, description)
        with (folder / SCORES).open("w", encoding="utf-8") as stream:
            for trial, score in zip(trials, scores, strict=True):
                stream.write(f"{int(trial.target)}\t{score:.9g}\t{trial.left}\t{trial.right}\n")


def _read(path: Path, stored: Embeddings, folder: Path) -> _Listed:
    rows = {id_: row for row, id_ in enumerate(stored.ids)}
    numbers: dict[str, int] = {}
    targets, left, right = array("b"), array("q"), array("q")  # lists of a million trials are in use
    for line, trial in enumerate(by_ids(read_trials(path), stored.ids), 1):
        for id_, column in ((trial.left, left), (trial.right, right)):
            if id_ not in rows:
                raise UserError(
                    f"{path}, line {line}: {folder / IDS} has no '{id_}', but ids such as '{stored.ids[0]}'; "
                    "embed the manifest that the trials are of"
                )
            column.append(numbers.setdefault(id_, len(numbers)))
        targets.append(trial.target)
    places_N = np.array([rows[id_] for id_ in numbers])
    return _Listed(tuple(numbers), places_N, np.array(targets, bool), np.array(left), np.array(right))


def _vectors(rows_ND: NDArray[np.float32], plda: Plda | None) -> Vectors:
    return cosine_vectors(rows_ND) if plda is None else plda.vectors(rows_ND)
