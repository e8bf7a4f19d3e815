"""What a training left behind of its course, read while it runs too: ``steps.jsonl`` and ``metrics.jsonl``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pyspeech.errors import UserError
from pyspeech.files import existing
from pyspeech.json_files import parse_line

STEPS, METRICS = "steps.jsonl", "metrics.jsonl"  # a line for each step, and for each validation
ERROR_PREFIX, DEV_LOSS = "dev_", "dev_loss"  # of the figures of a validation
Floats = npt.NDArray[np.float64]
Columns = Mapping[str, Floats]


@dataclass(frozen=True)
class History:
    """The numbers of a training by their names, in order; NaN where a line lacks one.

    Args:
        steps: Of each step; empty where the training wrote no ``steps.jsonl``, as earlier ones did not.
        validations: Of each validation; empty before the first.
    """

    exp: Path
    steps: Columns
    validations: Columns

    @property
    def last_step(self) -> int:
        """Of those that left a line."""
        return int(max(columns["step"].max() for columns in (self.steps, self.validations) if columns))

    @property
    def error_name(self) -> str | None:
        """What the validations measure besides the loss, such as ``token_error_rate``."""
        names = [name for name in self.validations if name.startswith(ERROR_PREFIX) and name != DEV_LOSS]
        return names[0].removeprefix(ERROR_PREFIX) if names else None

    @property
    def errors(self) -> Floats:
        """The error rates of the validations."""
        return self.validations[f"{ERROR_PREFIX}{self.error_name}"]

    def epochs(self, steps: Floats) -> Floats:
        """Return how many epochs were done at these steps, as the validations tell; there must be one."""
        known_steps, known_epochs = self.validations["step"], self.validations["epoch"]
        within = np.interp(steps, np.insert(known_steps, 0, 0.0), np.insert(known_epochs, 0, 0.0))
        beyond = np.maximum(steps - known_steps[-1], 0) * known_epochs[-1] / max(known_steps[-1], 1)
        return np.asarray(within + beyond, np.float64)


def has_history(exp: Path) -> bool:
    """Whether a training wrote its course into ``exp``."""
    return (exp / STEPS).exists() or (exp / METRICS).exists()


def read_history(exp: Path) -> History:
    """Read the course of the training in ``exp``; a last line that is just being written does not count.

    Raises:
        UserError: no training wrote anything there yet, or a file is damaged.
    """
    existing(exp, "folder of a training")
    steps, validations = (_columns(exp / name) for name in (STEPS, METRICS))
    if not steps and not validations:
        raise UserError(f"{exp} holds neither {STEPS} nor {METRICS} with a line; give the folder of a training")
    return History(exp, steps, validations)


def _columns(path: Path) -> dict[str, Floats]:
    if not path.exists():
        return {}
    lines = path.read_bytes().split(b"\n")[:-1]  # what follows the last line's end is not complete
    rows = [_row(line, f"{path}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]
    names = dict.fromkeys(name for row in rows for name, value in row.items() if _is_number(value))
    return {name: _column(rows, name) for name in names}


def _row(line: bytes, where: str) -> dict[str, Any]:
    try:
        row = parse_line(line)
    except ValueError as error:
        raise UserError(f"{where} is damaged ({error}); take the line out") from error
    if not isinstance(row, dict) or not (_is_number(row.get("step")) and _is_number(row.get("epoch"))):
        raise UserError(f"{where}: expected the numbers 'step' and 'epoch' of a training; take the line out")
    return row


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> Floats:
    values = (row.get(name) for row in rows)
    return np.array([float(value) if _is_number(value) else np.nan for value in values])  # type: ignore[arg-type]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
