"""How often people are identified, and how often nobody known is taken for somebody, as text, as JSON, as one line."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pyspeech.files import complete, refuse_others, write_json, write_text
from pyspeech.scoring.accuracy import AccuracyReport, Labelled, accuracy_line, accuracy_text
from pyspeech.scoring.bootstrap import REPLICATIONS, SEED, rate_interval
from pyspeech.scoring.figures import interval_text, interval_values, percent
from pyspeech.speakers.embeddings import load_embeddings, refuse_other_space, refuse_shared
from pyspeech.speakers.identification import ENROL, Probes, Threshold, choose_threshold, descending, probes_of

SCORE, REPORT = "score.json", "report.txt"
TOP = 5


@dataclass(frozen=True)
class Rate:
    """How many of the probes something is true of, and its 95% interval (fractions) over people."""

    count: int
    total: int
    interval: tuple[float, float]

    def __str__(self) -> str:
        """``98.57 [ 69 / 70 ] 95% [ 95.7, 100.0 ]``."""
        return f"{100 * self.count / self.total:.2f} [ {self.count} / {self.total} ] 95% {interval_text(self.interval)}"


@dataclass(frozen=True)
class IdentificationReport:
    """Rates of the probes, each compared twice: with its person enrolled (all but the last), and left out (the last).

    Args:
        best: The probe is most like its person.
        among_top: Its person is among the ``TOP``.
        refused: Its best score is below the threshold.
        mistaken: It is not, but is another person's.
        accepted: With its person left out, its best score is at least the threshold.
        threshold: Chosen on other people.
        probes: What was compared with whom.
        enrol: Utterances enrolled of each person, at most.
        embeddings: Folder of them, and ``tune`` that of the threshold's.
    """

    best: Rate
    among_top: Rate
    refused: Rate
    mistaken: Rate
    accepted: Rate
    threshold: Threshold
    probes: Probes
    enrol: int
    embeddings: Path
    tune: Path
    folder: Path


def report_identification(embeddings: Path, tune: Path, out: Path, enrol: int = ENROL) -> IdentificationReport:
    """Identify the speakers of ``embeddings`` with the threshold of ``tune``; write ``score.json`` and ``report.txt``.

    Raises:
        UserError: embeddings that are missing or damaged or of too few speakers or of two networks, or both share
            speakers or utterances; nothing is written then.
    """
    refuse_others(out, {SCORE, REPORT}, "an identification")
    known, development = load_embeddings(embeddings), load_embeddings(tune)
    refuse_other_space(embeddings, known.space, tune, development.space)
    refuse_shared("speaker", embeddings, known.speakers, tune, development.speakers)
    refuse_shared("utterance", embeddings, known.ids, tune, development.ids)
    threshold = choose_threshold(development, enrol)
    probes = probes_of(known, enrol)
    accepted_N, right_N = probes.best >= threshold.value, probes.right
    report = IdentificationReport(
        best=_rate(right_N, probes),
        among_top=_rate((descending(probes.cosines_NP)[:, :TOP] == probes.person_N[:, None]).any(axis=1), probes),
        refused=_rate(~accepted_N, probes),
        mistaken=_rate(accepted_N & ~right_N, probes),
        accepted=_rate(probes.best_other >= threshold.value, probes),
        threshold=threshold,
        probes=probes,
        enrol=enrol,
        embeddings=embeddings,
        tune=tune,
        folder=out,
    )
    with complete(out) as folder:
        folder.mkdir()
        write_json(folder / SCORE, identification_values(report))
        write_text(folder / REPORT, identification_text(report) + identification_line(report) + "\n")
    return report


def identification_line(report: IdentificationReport) -> str:
    """``%ACC 98.57 [ 69 / 70 ] 95% [ 95.7, 100.0 ] exp/identification``."""
    return accuracy_line(_accuracy(report))


def identification_values(report: IdentificationReport) -> dict[str, object]:
    """Return every figure by name, ready for JSON; rates are in percent."""
    return {
        "accuracy": _values(report.best),
        f"top_{TOP}": _values(report.among_top),
        "known_refused": _values(report.refused),
        "known_taken_for_another": _values(report.mistaken),
        "unknown_accepted": _values(report.accepted),
        "threshold": {
            "cosine": report.threshold.value,
            "dev_known_error_percent": percent(report.threshold.known_error),
            "dev_unknown_error_percent": percent(report.threshold.unknown_error),
            "dev": str(report.tune),
        },
        "people": len(report.probes.people.names),
        "enrolled_utterances": report.enrol,
        "bootstrap": {"over": "people", "replications": REPLICATIONS, "seed": SEED},
        "embeddings": str(report.embeddings),
    }


def identification_text(report: IdentificationReport, rows: int | None = None) -> str:
    """Return all rates, and the people with what their probes were taken for; ``rows`` shortens the latter."""
    threshold = report.threshold
    return "\n".join(
        [
            f"{len(report.probes.ids)} utterances of {len(report.probes.people.names)} people, of each of whom up to "
            f"{report.enrol} others are enrolled; intervals are over people",
            "",
            f"The person is the best     {report.best}",
            f"… is among the best {TOP}      {report.among_top}",
            "",
            f"Threshold {threshold.value:.3f} of {report.tune}: of its known {100 * threshold.known_error:.2f}% are "
            f"refused or taken for another, of its unknown {100 * threshold.unknown_error:.2f}% are accepted",
            f"Known, refused             {report.refused}",
            f"Known, taken for another   {report.mistaken}",
            f"Unknown, accepted          {report.accepted}",
            "",
            accuracy_text(_accuracy(report), rows),
        ]
    )


def _rate(true_N: NDArray[np.bool_], probes: Probes) -> Rate:
    count = len(probes.people.names)
    happened, possible = np.bincount(probes.person_N, true_N, count), np.bincount(probes.person_N, minlength=count)
    of_people: Sequence[tuple[int, int]] = [
        (int(part), int(whole)) for part, whole in zip(happened, possible, strict=True) if whole
    ]
    return Rate(int(true_N.sum()), len(true_N), rate_interval(of_people))


def _accuracy(report: IdentificationReport) -> AccuracyReport:
    """Return the best matches as predictions."""
    names, probes = report.probes.people.names, report.probes
    best_N = descending(probes.cosines_NP)[:, 0]
    utterances = tuple(
        Labelled(id_, names[person], names[best])
        for id_, person, best in zip(probes.ids, probes.person_N, best_N, strict=True)
    )
    return AccuracyReport(utterances, report.best.interval, report.embeddings, report.folder)


def _values(rate: Rate) -> dict[str, object]:
    return {
        "percent": percent(rate.count / rate.total),
        "interval_95_percent": interval_values(rate.interval),
        "count": rate.count,
        "of": rate.total,
    }
