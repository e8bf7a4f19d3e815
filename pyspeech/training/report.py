"""What the first process of a training writes and shows: steps, validations, what was left out, bar and curves."""

import logging
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from pyspeech.config import Config
from pyspeech.device import device_name
from pyspeech.scoring.wer import shortened
from pyspeech.tasks.network import NetworkWithLoss
from pyspeech.training.checkpoint import Progress
from pyspeech.training.distributed import Processes
from pyspeech.training.gradient import LEFT_OUT, Place
from pyspeech.training.history import METRICS, STEPS
from pyspeech.training.journal import SHOWN_IDS, Journal, counts
from pyspeech.training.json_lines import Lines, Position
from pyspeech.training.precision import Precision
from pyspeech.training.progress import Display
from pyspeech.training.step import Step

log = logging.getLogger(__name__)


def tell_setup(config: Config, model: NetworkWithLoss, seconds_per_epoch: float, processes: Processes) -> None:
    """Tell what is about to be trained, where, in which numbers, and for words how they will be found.

    Raises:
        UserError: the device does not compute in the numbers that are asked for.
    """
    parts = [
        device_name(processes.device) + (f" in {processes.count} processes" if processes.count > 1 else ""),
        Precision(config.training.precision, processes.device).name,
        f"torch {torch.__version__}",
        f"{sum(each.numel() for each in model.parameters()):,} parameters",
        f"{seconds_per_epoch / 3600:.2f} hours of train in an epoch",
    ]
    if config.task == "recognition":
        parts.append("words by a graph" if find_spec("k2") else "words by --method search, as k2 is not installed")
    log.info(f"training {config.model['name']} with {config.loss['name']}: {'; '.join(parts)}")


class Report:
    """The files of a training in ``exp`` that tell of its course, and its display; a context.

    Args:
        epochs: Of the whole training.
        seconds: Of audio in an epoch.
        left_out_reason: Why an utterance may have no loss.
        journal: Of what was left out.
        progress: Where the training begins or goes on.
    """

    def __init__(
        self, exp: Path, epochs: int, seconds: float, left_out_reason: str, journal: Journal, progress: Progress
    ) -> None:
        self.epochs = epochs
        self.seconds = seconds
        self.left_out_reason = left_out_reason
        self.journal = journal
        self.steps = Lines(exp / STEPS)
        position = progress.epoch, progress.batches
        journal.resume(position)
        self.steps.keep_until(position)
        self.metrics = Lines(exp / METRICS)
        self.metrics.replace(progress.metrics)
        total = epochs * seconds
        self.display = Display(exp, total, progress.done * total, progress.step)

    def __enter__(self) -> "Report":
        self.display.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.display.__exit__(kind, value, trace)

    def step(self, place: Place, batch: int, step: Step, wall: float, rate: float) -> None:
        """Tell of a step that began with the batch of this number, and took ``wall`` seconds.

        The line of one that left the weights as they are has no loss, and the number of the step before.

        Raises:
            UserError: too much was left out.
        """
        self.journal.add(step.notes)
        loss = None if step.gradient_norm is None else step.sums.mean_loss
        name = f"epoch {place.epoch}/{self.epochs}"
        self.display.advance(name, place.progress * self.epochs * self.seconds, loss)
        number = place.step + (loss is not None)
        line = {
            "step": number,
            "epoch": place.epoch,
            "batch": batch,
            "loss": loss,
            "gradient_norm": step.gradient_norm,
            "learning_rate": rate,
            "seconds": round(step.sums.seconds, 2),
            "data_wait": round(step.sums.data_wait, 4),
            "wall": round(wall, 4),
        }
        self.steps.add(line)
        if loss is not None and step.gradient_norm is not None:
            figures = {"loss": loss, "gradient_norm": step.gradient_norm, "learning_rate_of_step": rate}
            self.display.point(number, figures)

    def left_out_since(self, position: Position) -> dict[str, int]:
        """Count what was left out of the batches from ``position`` on, and say what had no loss."""
        lines = self.journal.since(position)
        if ids := [id_ for line in lines[LEFT_OUT] for id_ in line["ids"]]:
            log.warning(f"left out {shortened(ids, SHOWN_IDS)}: {self.left_out_reason}; see left_out.jsonl")
        return counts(lines)

    def validation(self, line: Mapping[str, Any], error_name: str) -> None:
        """Tell of a validation."""
        points = {name: value for name, value in line.items() if name not in ("epoch", "step")}
        self.display.curves.add(line["step"], points)
        log.info(
            f"epoch {line['epoch']:.4g}/{self.epochs}: train loss {line['train_loss']:.4f}, "
            f"dev loss {line['dev_loss']:.4f}, dev {error_name.replace('_', ' ')} {line[f'dev_{error_name}']:.2%}, "
            f"{line['audio_seconds_per_second']:.0f} s audio/s, {line['seconds']:.0f} s"
        )
