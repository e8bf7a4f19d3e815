"""All scores below a folder, best first: what ``pyspeech score`` wrote, and how what it scored was made."""

import logging
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspeech.decoding.stored import SUMMARY
from pyspeech.errors import UserError
from pyspeech.files import existing
from pyspeech.json_files import read_json
from pyspeech.locks import PARTIAL
from pyspeech.rescoring.run import shown
from pyspeech.scoring.figures import interval_text
from pyspeech.scoring.write_report import FOLDER
from pyspeech.tables import display_width
from pyspeech.transcripts import SUFFIXES

SCORE = "score.json"
Values = Mapping[str, Any]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """One score.

    Args:
        measure: ``WER``, ``ACC`` or ``EER``.
        percent, interval: The figure and the bounds of its 95% interval, in percent.
        measured_on: The set and its size. Only figures that were measured on the same can be compared.
        folder: Of what was scored.
        details: Further columns by their names: counts, and how what was scored was made.
    """

    measure: str
    percent: float
    interval: tuple[float, float]
    measured_on: str
    folder: Path
    details: Mapping[str, str]

    @property
    def order(self) -> tuple[str, str, float, str]:
        """By what results are sorted: those that can be compared beside each other, the best first."""
        worse = -self.percent if self.measure == "ACC" else self.percent
        return self.measure, self.measured_on, worse, str(self.folder)


def find_results(folder: Path) -> list[Result]:
    """Read all scores below ``folder``, links followed; one that cannot be read is told and left out.

    Raises:
        UserError: there is none.
    """
    results = []
    for path in _score_files(existing(folder, "folder")):
        try:
            results.append(_result(path))
        except UserError as error:
            log.warning(f"left out: {error}")
    if not results:
        raise UserError(f"no {SCORE} below {folder}; run pyspeech score, or name the folder of a recipe or experiment")
    return sorted(results, key=lambda result: result.order)


def results_text(results: Sequence[Result]) -> str:
    """Return a table for each set, of results as :func:`find_results` orders them."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((result.measure, result.measured_on), []).append(result)
    return "\n".join(
        f"{measure} of {measured_on}\n" + "".join(_table(measure, group))
        for (measure, measured_on), group in groups.items()
    )


def result_values(result: Result) -> dict[str, object]:
    """Return a result ready for JSON."""
    return {
        "measure": result.measure,
        "percent": result.percent,
        "interval_95_percent": list(result.interval),
        "measured_on": result.measured_on,
        "folder": str(result.folder),
        **result.details,
    }


def _score_files(folder: Path) -> Iterator[Path]:
    seen = set()
    for parent, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        folders[:] = sorted(name for name in folders if not name.startswith((".", PARTIAL))) if real not in seen else []
        if real not in seen and SCORE in files:
            yield Path(parent) / SCORE
        seen.add(real)


def _result(path: Path) -> Result:
    values = read_json(path, "score", "score again")
    scored = path.parent.parent if path.parent.name == FOLDER else path.parent
    for key, read in READERS.items():
        if key in values:
            try:
                return read(values, scored)
            except (KeyError, TypeError, ValueError) as error:
                raise UserError(f"{path} lacks figures of a score ({error!r}); score again") from error
    raise UserError(f"{path} is no score that is known here: it has none of {', '.join(READERS)}")


def _word_errors(values: Values, folder: Path) -> Result:
    words = values["words"]
    return Result(
        "WER",
        _number(values["wer_percent"]),
        _interval(values["wer_interval_95_percent"]),
        # The characters tell apart what has as many words by chance.
        f"{_set_name(values['manifest'])}: {_count(words['reference'])} words of "
        f"{_count(values['characters']['reference'])} characters in {_count(values['sentences'])} utterances",
        folder,
        {name[:3]: str(_count(words[name])) for name in ("insertions", "deletions", "substitutions")} | _made(folder),
    )


def _accuracy(values: Values, folder: Path) -> Result:
    return Result(
        "ACC",
        _number(values["accuracy_percent"]),
        _interval(values["accuracy_interval_95_percent"]),
        f"{_set_name(values['manifest'])}: {_count(values['utterances'])} utterances of {len(values['labels'])} labels",
        folder,
        {"correct": str(_count(values["correct"]))},
    )


def _verification(values: Values, folder: Path) -> Result:
    cost = "minDCF(0.01)"
    return Result(
        "EER",
        _number(values["eer_percent"]),
        _interval(values["eer_interval_95_percent"]),
        f"{_count(values['target_trials'])} target and {_count(values['non_target_trials'])} non-target trials of "
        f"{_count(values['speakers'])} speakers",
        folder,
        {
            cost: f"{_number(values[cost]['value']):.3f}",
            "scores": str(values["scores"]) + (", calibrated" if values["calibrated"] else ""),
        },
    )


def _identification(values: Values, folder: Path) -> Result:
    accuracy = values["accuracy"]
    return Result(
        "ACC",
        _number(accuracy["percent"]),
        _interval(accuracy["interval_95_percent"]),
        f"{Path(values['embeddings']).name}: {_count(accuracy['of'])} utterances of {_count(values['people'])} people",
        folder,
        {"correct": str(_count(accuracy["count"])), "enrolled": str(_count(values["enrolled_utterances"]))},
    )


# What tells the kinds of score.json -> what reads it.
READERS: dict[str, Callable[[Values, Path], Result]] = {
    "wer_percent": _word_errors,
    "accuracy_percent": _accuracy,
    "eer_percent": _verification,
    "accuracy": _identification,
}


def _made(folder: Path) -> dict[str, str]:
    """How a decode was made, as far as it says; hypotheses of other tools say nothing."""
    if not (folder / SUMMARY).is_file():
        return {}
    summary = read_json(folder / SUMMARY, "decode", "decode again")
    lm, graph, weights = (summary.get(name) for name in ("lm", "graph", "weights"))
    made = {"method": summary.get("method"), "LM": f"in {graph}" if lm is None and isinstance(graph, str) else lm}
    if isinstance(weights, dict):
        made["weights"] = shown({name: _number(value) for name, value in weights.items()})
        made["chosen on"] = summary.get("weights_chosen_on")
    made |= {name: summary.get(name) for name in ("words", "boost")}
    return {name: value for name, value in made.items() if isinstance(value, str) and value}


def _set_name(manifest: str) -> str:
    """Its name alone: the same set may have been named from several folders."""
    name = Path(manifest).name
    return next((name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix)), name)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no number")
    return float(value)


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is no count")
    return value


def _interval(bounds: Sequence[object]) -> tuple[float, float]:
    low, high = map(_number, bounds)
    return low, high


def _table(measure: str, results: Sequence[Result]) -> Iterator[str]:
    names = list(dict.fromkeys(name for result in results for name in result.details))
    rows = [[f"{measure} %", "95%", "folder", *names]]
    for result in results:
        low, high = result.interval
        figures = [f"{result.percent:.2f}", interval_text((low / 100, high / 100)), str(result.folder)]
        rows.append([*figures, *(result.details.get(name, "-") for name in names)])
    return _aligned(rows)


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns as wide as their widest cell; those of numbers end, all others begin in one line."""
    columns = list(zip(*rows, strict=True))
    widths = [max(map(display_width, column)) for column in columns]
    numbers = [_all_numbers(column[1:]) for column in columns]
    for row in rows:
        cells = []
        for cell, width, is_number in zip(row, widths, numbers, strict=True):
            padding = " " * (width - display_width(cell))
            cells.append(padding + cell if is_number else cell + padding)
        yield "  " + "  ".join(cells).rstrip() + "\n"


def _all_numbers(cells: Iterable[str]) -> bool:
    return all(cell == "-" or cell.replace(".", "", 1).isdecimal() for cell in cells)
