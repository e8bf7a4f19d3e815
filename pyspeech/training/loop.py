"""The one training loop, for every task: epochs of steps, validations with checkpoints, then the average of the best.

A training that is killed and started again goes on at the batch of its last checkpoint and ends with the same weights:
the batches of an epoch are known by their numbers, all randomness of one comes from (seed, epoch, its number), and
everything else that matters is in the checkpoint. On the CPU the same bit for bit; on a GPU within rounding, since some
of its sums are added up in any order (in the backward pass of CTC, for one). With ``validate_minutes`` the clock has
a say in which checkpoints there are to be averaged, and in when patience ends.
"""

import dataclasses
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor
from torch.utils.data import Dataset

from pyspeech.config import TrainingConfig
from pyspeech.data.batch import Batch
from pyspeech.data.loading import load, lost_workers
from pyspeech.errors import UserError
from pyspeech.tasks.network import MODEL, NetworkWithLoss
from pyspeech.tasks.task import Learning
from pyspeech.training.average import chosen_steps, write_average
from pyspeech.training.checkpoint import Progress, checkpoint_path, load_checkpoint, save_checkpoint, stored_steps
from pyspeech.training.dev_evaluation import measure_on_dev, peak_memory, validations_without_progress
from pyspeech.training.distributed import Processes
from pyspeech.training.gradient import Gradient, Numbered, Place
from pyspeech.training.history import ERROR_PREFIX
from pyspeech.training.journal import Journal
from pyspeech.training.precision import Precision
from pyspeech.training.report import Report
from pyspeech.training.step import Stepper
from pyspeech.training.step_totals import Sums

NOTHING_DUE, CHECKPOINT_DUE, VALIDATION_DUE = range(3)
log = logging.getLogger(__name__)


def _as_it_is(batch: Batch) -> Batch:
    return batch


@dataclass(frozen=True)
class TrainingData:
    """Batches to train on by epoch (from 1) and to measure on, and what is known of them beforehand.

    Args:
        train: The batches of an epoch by their numbers; a dataset with a length.
        dev: Batches to measure on.
        seconds_per_epoch: Audio, after speed perturbation.
        digest: Names the content, which a resumed training must share.
        max_unreadable: Utterances of an epoch that may be left out because they cannot be read.
        on_device: Completes a batch where the network is.
        workers: Processes that make batches ahead.
    """

    train: Callable[[int], Dataset[Batch]]
    dev: Callable[[], Iterable[Batch]]
    seconds_per_epoch: float
    digest: str
    max_unreadable: int = 1
    on_device: Callable[[Batch], Batch] = _as_it_is
    workers: int = 0


def train(
    exp: Path,
    config: TrainingConfig,
    task: Learning,
    model: NetworkWithLoss,
    data: TrainingData,
    processes: Processes = Processes(),  # noqa: B008
    begin: Callable[[], None] = lambda: None,
    finish: Callable[[NetworkWithLoss], None] = lambda _: None,
) -> None:
    """Train ``model`` where it is, from the last checkpoint in ``exp`` if there is one; write ``model.safetensors``.

    The first process calls ``begin`` when everything was found right, before it writes, and ``finish`` with the trained
    network before that file is there.

    Raises:
        UserError: too many batches with a non-finite loss or gradient, too many unreadable utterances, other data or
            another number of batches in a step than the training began with, or numbers that the device lacks.
    """
    trainer = _Trainer(exp, config, task, model, data, processes)
    trainer.resume()
    if not processes.first:
        trainer.run(None)
        return
    begin()
    journal = Journal(exp, config.max_bad_batches, data.max_unreadable)
    with Report(exp, config.epochs, data.seconds_per_epoch, task.left_out_reason, journal, trainer.progress) as report:
        trainer.run(report)
    trainer.write_average(finish)


class _Trainer:
    """The state of one training, in each of its processes the same. Only the first one has a report and writes."""

    def __init__(
        self,
        exp: Path,
        config: TrainingConfig,
        task: Learning,
        model: NetworkWithLoss,
        data: TrainingData,
        processes: Processes,
    ) -> None:
        self.exp = exp
        self.config = config
        self.task = task
        self.model = model
        self.data = data
        self.processes = processes
        precision = Precision(config.precision, processes.device)
        self.stepper = Stepper(config, Gradient(config.seed, task, model, data.on_device, precision), processes)
        self.batches_per_step = config.accumulate * processes.count
        self.progress = Progress(batches_per_step=self.batches_per_step, data_digest=data.digest)
        self.validated_at = self.saved_at = self.step_began = time.monotonic()

    def resume(self) -> None:
        """Go to the last whole checkpoint."""
        if not (stored := stored_steps(self.exp)):
            return
        self.progress = load_checkpoint(checkpoint_path(self.exp, stored[-1]), self.model, self.stepper.optimizer)
        if self.progress.data_digest != self.data.digest:
            raise UserError(
                f"{self.exp} was trained on other utterances or noise than these until epoch {self.progress.epoch}; "
                "give the same manifests and sounds again, or train into a new folder"
            )
        if self.progress.batches_per_step != self.batches_per_step:
            raise UserError(
                f"{self.exp} was begun with {self.progress.batches_per_step} batches in a step, now there are "
                f"{self.batches_per_step} (training.accumulate = {self.config.accumulate}, {self.processes.count} "
                "processes); set training.accumulate or the number of processes so that their product stays"
            )
        self.stepper.scale.restore(self.progress.loss_scale)
        # Of more epochs than it was begun with, less is done; within an epoch its next step tells how much.
        epoch, epochs = self.progress.epoch, self.config.epochs
        least, most = epoch / epochs, (epoch + (self.progress.batches > 0)) / epochs
        self.progress = dataclasses.replace(self.progress, done=min(max(self.progress.done, least), most))

    @lost_workers("lower batches.workers or batches.max_seconds")
    def run(self, report: Report | None) -> None:
        """Train until all epochs are done, or dev gets no better."""
        self.model.train()
        self.step_began = time.monotonic()
        if 0 < self.progress.epoch != self.progress.validated[0] and self.progress.batches == 0:
            self._measure(report)  # what ended before, or failed, after the last epoch
        while self.progress.epoch < self.config.epochs and not self._enough():
            self._run_epoch(report)
        if report is not None and self.progress.epoch < self.config.epochs:
            log.info(f"no better dev figure in {self.config.patience} validations: training ends")

    def write_average(self, finish: Callable[[NetworkWithLoss], None]) -> None:
        """Average the chosen checkpoints into ``model.safetensors``."""

        def finish_with(weights: Mapping[str, Tensor]) -> None:
            self.model.load_state_dict(weights)
            finish(self.model)

        write_average(self.exp / MODEL, self.exp, self._chosen(), self.progress.metrics, finish_with)

    def _chosen(self) -> list[int]:
        """Steps of the validations so far that are averaged."""
        config = self.config
        error_key = f"{ERROR_PREFIX}{self.task.error_name}"
        return chosen_steps(self.progress.metrics, config.average, config.average_epochs, error_key)

    def _enough(self) -> bool:
        patience, metrics = self.config.patience, self.progress.metrics
        return patience is not None and validations_without_progress(metrics, self.task.error_name) >= patience

    def _run_epoch(self, report: Report | None) -> None:
        """Train what is left of an epoch, and measure on dev after it."""
        dataset = self.data.train(self.progress.epoch + 1)
        total = len(dataset)  # type: ignore[arg-type]  # torch does not say that a dataset has one
        for batches, data_wait in self._steps(dataset, total):
            self._step(batches, data_wait, total, report)
            due = self._due()
            if due != NOTHING_DUE:
                self._save(report)
            if due == VALIDATION_DUE:
                self._measure(report)
            if self._enough():
                return

    def _steps(self, dataset: Dataset[Batch], total: int) -> Iterator[tuple[list[Numbered], float]]:
        """Yield the batches of each step that are this process's, and the seconds that they were waited for."""
        done, rank, count = self.progress.batches, self.processes.rank, self.processes.count
        pin = self.processes.device.type == "cuda"
        batches = load(dataset, range(done + rank, total, count), self.data.workers, pin)
        for first in range(done, total, self.batches_per_step):
            began = time.monotonic()
            numbers = range(first + rank, min(first + self.batches_per_step, total), count)
            yield [Numbered(number, next(batches)) for number in numbers], time.monotonic() - began

    def _step(self, batches: list[Numbered], data_wait: float, total: int, report: Report | None) -> None:
        """Take the next step of an epoch of ``total`` batches, and count it."""
        epoch, first, before = self.progress.epoch, self.progress.batches, self.progress.step
        done = min(first + self.batches_per_step, total)
        # Batches are alike in their padded audio: their number says how much is done, before any is read.
        place = Place(epoch + 1, before, (epoch + done / total) / self.config.epochs)
        step = self.stepper.take(batches, place, data_wait)
        wall, self.step_began = self._lap()
        self.progress = dataclasses.replace(
            self.progress,
            epoch=epoch + (done == total),
            batches=done % total,
            step=before + (step.gradient_norm is not None),
            done=place.progress,
            since=self.progress.since + step.sums + Sums(wall=wall),
            loss_scale=self.stepper.scale.state,
        )
        if report is not None:
            report.step(place, first, step, wall, self.stepper.rate(place.progress))

    def _lap(self) -> tuple[float, float]:
        now = time.monotonic()
        return now - self.step_began, now

    def _due(self) -> int:
        """Return what is to be done after a step: in every process the same, by the first one's clock."""
        if self.progress.batches == 0:
            return VALIDATION_DUE
        now, config = time.monotonic(), self.config
        choice = NOTHING_DUE
        if config.checkpoint_minutes is not None and now - self.saved_at >= 60 * config.checkpoint_minutes:
            choice = CHECKPOINT_DUE
        if config.validate_minutes is not None and now - self.validated_at >= 60 * config.validate_minutes:
            choice = VALIDATION_DUE
        if config.checkpoint_minutes is None and config.validate_minutes is None:
            return choice
        return self.processes.decided(choice)

    def _measure(self, report: Report | None) -> None:
        """Validate what a checkpoint holds already, so that dev may fail, and write that once more with the figures."""
        progress = self.progress
        self.validated_at = time.monotonic()
        learnt = progress.since.weight > 0
        if not learnt and (progress.batches > 0 or progress.validated > (progress.epoch - 1, 0)):
            return  # nothing to measure since the last validation of this epoch
        self._validate(report)
        self._save(report)

    def _validate(self, report: Report | None) -> None:
        """Measure on dev in the first process, and let the others know the figures."""
        progress = self.progress
        line = None
        if report is not None:
            epoch = progress.epoch if progress.batches == 0 else round(progress.done * self.config.epochs, 4)
            figures = measure_on_dev(self.task, self.model, self.data.dev(), self.data.on_device, progress)
            line = {"epoch": epoch, **figures}
            line |= report.left_out_since(progress.validated)
            line |= {"learning_rate": self.stepper.rate(progress.done)} | peak_memory(self.processes.device)
            if progress.loss_scale is not None:
                line |= {"loss_scale": progress.loss_scale[0], "overflows": progress.since.overflows}
            report.validation(line, self.task.error_name)
        line = self.processes.gather(line)[0]
        validated = progress.epoch, progress.batches
        self.progress = dataclasses.replace(
            progress, metrics=[*progress.metrics, line], since=Sums(), validated=validated
        )
        self.validated_at = self.step_began = time.monotonic()

    def _save(self, report: Report | None) -> None:
        """Write the checkpoint, then what it makes known, and delete the checkpoints that nothing needs any more."""
        self.saved_at = time.monotonic()
        progress = self.progress
        if report is None or progress.step == 0:
            return  # before the first step nothing is lost
        path = checkpoint_path(self.exp, progress.step)
        save_checkpoint(path, self.model, self.stepper.optimizer, progress)
        report.metrics.replace(progress.metrics)
        # Of the best so far, the best of all are never dropped.
        needed = {progress.step, *self._chosen()}
        for step in stored_steps(self.exp):
            if step not in needed:
                checkpoint_path(self.exp, step).unlink()
