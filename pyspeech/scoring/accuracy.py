"""How often the predicted label of an utterance is its label, as text to read, as JSON, and as one line."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pyspeech.errors import UserError
from pyspeech.files import complete, existing, write_json, write_text
from pyspeech.json_files import read_json_lines
from pyspeech.lang.labels import Field, label_of, load_labels
from pyspeech.scoring.bootstrap import rate_interval
from pyspeech.scoring.figures import BOOTSTRAP, interval_text, interval_values, percent
from pyspeech.scoring.wer import shortened
from pyspeech.scoring.write_report import FOLDER
from pyspeech.transcripts import Transcript, read_transcripts

PREDICTIONS, TABLE = "predictions.jsonl", "labels"  # in a folder of predictions
FILES = frozenset({PREDICTIONS, TABLE, FOLDER})
NOTHING = "(none)"  # stands for a prediction that does not exist


@dataclass(frozen=True)
class Labelled:
    """One utterance, its label, and the label that was predicted; ``None`` where there is no prediction."""

    id: str
    label: str
    predicted: str | None

    @property
    def correct(self) -> bool:
        """Whether the prediction is right; one that is missing is wrong."""
        return self.predicted == self.label


@dataclass(frozen=True)
class LabelCounts:
    """Utterances of one label or of all: so many predicted right, and what was predicted for the others."""

    correct: int
    total: int
    confused: Mapping[str, int]

    @property
    def rate(self) -> float:
        """Fraction that is right: accuracy of all, recall of a label."""
        return self.correct / self.total


@dataclass(frozen=True)
class AccuracyReport:
    """All reference utterances in the order of the manifest, and the 95% interval of the accuracy (fractions)."""

    utterances: tuple[Labelled, ...]
    interval: tuple[float, float]
    manifest: Path
    folder: Path

    @property
    def total(self) -> LabelCounts:
        """Counts over all labels."""
        return _count(self.utterances)

    @property
    def labels(self) -> dict[str, LabelCounts]:
        """Counts of each label that the reference holds, the least recalled first."""
        groups: dict[str, list[Labelled]] = {}
        for one in self.utterances:
            groups.setdefault(one.label, []).append(one)
        counts = {label: _count(group) for label, group in groups.items()}
        return dict(sorted(counts.items(), key=lambda item: (item[1].rate, item[0])))

    @property
    def missing(self) -> list[str]:
        """Identities of the utterances without a prediction."""
        return [one.id for one in self.utterances if one.predicted is None]


def report_accuracy(manifest: Path, folder: Path) -> AccuracyReport:
    """Score the predictions in ``folder`` and write ``score.json`` and ``report.txt`` to ``folder/score``.

    Raises:
        UserError: as :func:`compare_labels` and :func:`read_predictions`; nothing is written then.
    """
    field = load_labels(existing(folder, "predictions") / TABLE).field
    predictions = read_predictions(existing(folder / PREDICTIONS, "predictions"))
    utterances = compare_labels(read_transcripts(manifest), predictions, field, str(manifest))
    interval = rate_interval((int(one.correct), 1) for one in utterances)
    report = AccuracyReport(utterances, interval, manifest, folder)
    with complete(folder / FOLDER) as partial:
        partial.mkdir()
        write_json(partial / "score.json", accuracy_values(report))
        write_text(partial / "report.txt", accuracy_text(report) + accuracy_line(report) + "\n")
    return report


def compare_labels(
    references: Iterable[Transcript], predictions: Mapping[str, str], field: Field, source: str
) -> tuple[Labelled, ...]:
    """Put every reference beside the prediction of its id.

    Raises:
        UserError: naming ``source``, for a duplicate id, a prediction of no reference, or no reference at all.
    """
    labelled: dict[str, Labelled] = {}
    for reference in references:
        if reference.id in labelled:
            raise UserError(f"{source}: two utterances are called {reference.id}; give each its own id")
        label = label_of(reference, field)
        if not label:
            raise UserError(f"{source}, cut '{reference.id}' has no {field} to score against; give every utterance one")
        labelled[reference.id] = Labelled(reference.id, label, predictions.get(reference.id))
    if not labelled:
        raise UserError(f"{source} holds no utterance; there is nothing to score")
    if unknown := [id_ for id_ in predictions if id_ not in labelled]:
        raise UserError(
            f"{len(unknown)} predictions belong to no utterance of {source}: {shortened(unknown)}; "
            "score against the manifest that was predicted"
        )
    return tuple(labelled.values())


def read_predictions(path: Path) -> dict[str, str]:
    """Read the predicted label of every line of ``predictions.jsonl``, by utterance id.

    Raises:
        UserError: a damaged file, a line without ``id`` and ``predicted``, or an id that comes twice.
    """
    predictions: dict[str, str] = {}
    for number, values in read_json_lines(path):
        id_, predicted = values.get("id"), values.get("predicted")
        if not isinstance(id_, str) or not isinstance(predicted, str):
            raise UserError(f"{path}, line {number}: expected an 'id' and a 'predicted' label; predict again")
        if id_ in predictions:
            raise UserError(f"{path}, line {number}: a second prediction for {id_}; predict again")
        predictions[id_] = predicted
    return predictions


def accuracy_line(report: AccuracyReport) -> str:
    """``%ACC 98.70 [ 2961 / 3000 ] 95% [ 98.3, 99.1 ] exp/predict/test``."""
    counts = f"{100 * report.total.rate:.2f} {_of_total(report.total)}"
    return f"%ACC {counts} 95% {interval_text(report.interval)} {report.folder}"


def accuracy_values(report: AccuracyReport) -> dict[str, object]:
    """Return every figure by name, ready for JSON; rates are in percent."""
    total = report.total
    return {
        "accuracy_percent": percent(total.rate),
        "accuracy_interval_95_percent": interval_values(report.interval),
        "correct": total.correct,
        "utterances": total.total,
        "missing": report.missing,
        "labels": {
            label: {
                "recall_percent": percent(counts.rate),
                "correct": counts.correct,
                "utterances": counts.total,
                "confused": counts.confused,
            }
            for label, counts in report.labels.items()
        },
        "bootstrap": BOOTSTRAP,
        "manifest": str(report.manifest),
        "predictions": str(report.folder),
    }


def accuracy_text(report: AccuracyReport, rows: int | None = None) -> str:
    """Return the confusion table, one row a label with its recall; ``rows`` shortens it."""
    labels = report.labels
    width = max(len("Label"), *map(len, labels))
    lines = [f"{'Label':<{width}}  recall, predicted instead"]
    table = [_row(label, counts, width) for label, counts in labels.items()]
    lines += table[:rows]
    if len(table) > len(table[:rows]):
        lines.append(f"  … and {len(table) - len(table[:rows])} more in report.txt")
    if report.interval in ((0.0, 0.0), (1.0, 1.0)):
        # Resampling a perfect score can only give a perfect score; the rule of three still gives a bound.
        bound = min(100.0, 100 * 3 / report.total.total)
        lines += [
            "",
            f"All or none right; by the rule of three the true rate may differ by {bound:.2f}% (95%)",
        ]
    return "\n".join(lines) + "\n\n"


def _row(label: str, counts: LabelCounts, width: int) -> str:
    confused = ", ".join(f"{other} {count}" for other, count in counts.confused.items())
    return f"{label:<{width}}  {100 * counts.rate:6.2f} {_of_total(counts)}  {confused}".rstrip()


def _count(utterances: Iterable[Labelled]) -> LabelCounts:
    every = list(utterances)
    confused = Counter(NOTHING if one.predicted is None else one.predicted for one in every if not one.correct)
    ordered = dict(sorted(confused.items(), key=lambda item: (-item[1], item[0])))
    return LabelCounts(len(every) - confused.total(), len(every), ordered)


def _of_total(counts: LabelCounts) -> str:
    return f"[ {counts.correct} / {counts.total} ]"
