"""Speaker verification from stored embeddings: a score for each trial, and the error rate that the scores have."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pyspeech.errors import UserError
from pyspeech.files import complete, existing, existing_file, refuse_others, write_json, write_text
from pyspeech.scoring.embeddings import IDS, load_embeddings
from pyspeech.scoring.equal_error_rate import (
    REPLICATIONS,
    SEED,
    equal_error_rate,
    interval_over_speakers,
    speakers_of,
)
from pyspeech.scoring.figures import interval_text, interval_values, percent
from pyspeech.scoring.folder import FOLDER
from pyspeech.scoring.trials import Trial, decoded, read_trials

SCORES = "scores.tsv"  # in a folder of a verification
FILES = frozenset({SCORES, FOLDER})


@dataclass(frozen=True)
class VerificationReport:
    """The equal error rate and its 95% interval (fractions), and what it was measured on."""

    rate: float
    interval: tuple[float, float]
    targets: int
    non_targets: int
    speakers: int
    folder: Path


def verify(trials: Path, embeddings: Path, out: Path) -> int:
    """Write the cosine of every trial's two embeddings to ``out/scores.tsv``, in their order; return how many.

    Raises:
        UserError: a list or embeddings that are missing or damaged, or an utterance without an embedding.
    """
    refuse_others(out, FILES, "a verification")
    stored = load_embeddings(embeddings)
    places = {id_: place for place, id_ in enumerate(stored.ids)}
    listed = list(read_trials(trials))
    for number, trial in enumerate(listed, 1):
        for id_ in (trial.left, trial.right):
            if id_ not in places:
                raise UserError(
                    f"{trials}, line {number}: {embeddings / IDS} has no '{id_}', but ids such as '{stored.ids[0]}'; "
                    "embed the manifest that the trials are of"
                )
    scores = stored.cosines([places[trial.left] for trial in listed], [places[trial.right] for trial in listed])
    with complete(out) as folder:
        folder.mkdir()
        with (folder / SCORES).open("w", encoding="utf-8") as stream:
            for trial, score in zip(listed, scores.tolist(), strict=True):
                stream.write(f"{int(trial.target)}\t{score:.9g}\t{trial.left}\t{trial.right}\n")
    return len(listed)


def report_verification(folder: Path) -> VerificationReport:
    """Score ``folder/scores.tsv`` and write ``score.json`` and ``report.txt`` to ``folder/score``.

    Raises:
        UserError: no scores, damaged ones, or trials of one kind only; nothing is written then.
    """
    path = existing_file(existing(folder, "verification") / SCORES, "scores")
    lines = list(read_scores(path))
    targets, scores = [trial.target for trial, _ in lines], [score for _, score in lines]
    if len(set(targets)) < 2:
        found = f"only {'target' if targets[0] else 'non-target'} trials" if targets else "no trial"
        raise UserError(f"{path} holds {found}; an equal error rate needs trials of one speaker and of two")
    pairs = [(trial.left, trial.right) for trial, _ in lines]
    report = VerificationReport(
        rate=equal_error_rate(scores, targets),
        interval=interval_over_speakers(scores, targets, pairs),
        targets=sum(targets),
        non_targets=len(targets) - sum(targets),
        speakers=1 + max(max(pair) for pair in speakers_of(pairs, targets)),
        folder=folder,
    )
    with complete(folder / FOLDER) as partial:
        partial.mkdir()
        write_json(partial / "score.json", verification_values(report))
        write_text(partial / "report.txt", verification_text(report) + verification_line(report) + "\n")
    return report


def read_scores(path: Path) -> Iterator[tuple[Trial, float]]:
    """Yield the trials of ``scores.tsv`` with their scores.

    Raises:
        UserError: no UTF-8, or a line that is not ``label score idA idB`` between tabs, naming it.
    """
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(decoded(stream, path, "pyspeech verify"), 1):
            words = line.rstrip("\n").split("\t")
            score = _number(words[1]) if len(words) == 4 and words[0] in ("0", "1") else math.nan
            if not math.isfinite(score):
                raise UserError(
                    f"{path}, line {number}: expected 0 or 1, a score and two ids between tabs, found "
                    f"'{line.strip()}'; run pyspeech verify again"
                )
            yield Trial(words[0] == "1", words[2], words[3]), score


def verification_line(report: VerificationReport) -> str:
    """``%EER 3.10 95% [ 2.2, 4.0 ] exp/verify/test``."""
    return f"%EER {100 * report.rate:.2f} 95% {interval_text(report.interval)} {report.folder}"


def verification_values(report: VerificationReport) -> dict[str, object]:
    """Return every figure by name, ready for JSON; rates are in percent."""
    return {
        "eer_percent": percent(report.rate),
        "eer_interval_95_percent": interval_values(report.interval),
        "target_trials": report.targets,
        "non_target_trials": report.non_targets,
        "speakers": report.speakers,
        "bootstrap": {"over": "speakers", "replications": REPLICATIONS, "seed": SEED},
        "verification": str(report.folder),
    }


def verification_text(report: VerificationReport) -> str:
    """Return what was measured on."""
    return (
        f"{report.targets} target and {report.non_targets} non-target trials of {report.speakers} speakers, "
        "over whom the interval is\n\n"
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
