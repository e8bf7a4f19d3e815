"""The one training loop, for every task: epochs of steps, a checkpoint and a dev figure after each, then the average.

A training that is killed and started again continues after its last whole checkpoint and ends with the same weights:
all randomness of an epoch comes from (seed, epoch), and everything else that matters is in the checkpoint.
"""

import math
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.clip_grad import clip_grad_norm_

from pyspeech.config import TrainingConfig
from pyspeech.data.batches import Batch
from pyspeech.errors import UserError
from pyspeech.files import digest
from pyspeech.tasks.counts import Counts
from pyspeech.training.averaging import average_weights, chosen_epochs
from pyspeech.training.checkpoint import (
    Progress,
    checkpoint_path,
    load_checkpoint,
    save_checkpoint,
    stored_epochs,
    write_tensors,
)
from pyspeech.training.progress import Display, EpochLines
from pyspeech.training.schedule import learning_rate

SHOWN_IDS = 20  # in a message; the .jsonl files have all


class DevFigures(Protocol):
    """What a network reaches on dev."""

    @property
    def mean_loss(self) -> float: ...
    @property
    def error_rate(self) -> float: ...


class Task(Protocol):
    """What a network's output means. ``error_name`` names the dev figure; less is better.

    ``left_out_reason`` says why an utterance may have no loss.
    """

    error_name: str
    left_out_reason: str

    def loss(self, model: nn.Module, batch: Batch, progress: float) -> tuple[Tensor, Counts]:
        """Loss summed over the batch, to be divided by the counts' weight; ``progress`` (0..1) of training is done."""

    def evaluate(self, model: nn.Module, batches: Iterable[Batch]) -> DevFigures:
        """Loss and error rate on dev, without gradients."""


@dataclass(frozen=True)
class TrainingData:
    """Batches to train on by epoch (from 1) and to measure on, and what is known of them beforehand.

    seconds_per_epoch: audio, after speed perturbation. digest: names the content, which a resumed training must share.
    """

    train: Callable[[int], Iterable[Batch]]
    dev: Callable[[], Iterable[Batch]]
    seconds_per_epoch: float
    digest: str


def train(exp: Path, config: TrainingConfig, task: Task, model: nn.Module, data: TrainingData) -> None:
    """Train ``model`` where it is, from the last checkpoint in ``exp`` if there is one; write ``model.safetensors``.

    Raises:
        UserError: too many batches with a non-finite loss or gradient, or other data than the training began with.
    """
    trainer = _Trainer(exp, config, task, model, data)
    trainer.resume()
    done_seconds = trainer.epoch * data.seconds_per_epoch
    with Display(exp, config.epochs * data.seconds_per_epoch, done_seconds, trainer.step) as display:
        while trainer.epoch < config.epochs:
            trainer.run_epoch(display)
            trainer.save()
    trainer.write_average()


def seed_everything(*parts: int) -> None:
    """Start all random generators from ``parts``, so that different parts give unrelated sequences."""
    seed = int(digest(*parts), 16)
    torch.manual_seed(seed % 2**63)  # CUDA devices too
    np.random.seed(seed % 2**32)
    random.seed(seed)


def make_optimizer(model: nn.Module, config: TrainingConfig) -> torch.optim.AdamW:
    """AdamW (https://arxiv.org/abs/1711.05101); weight decay on matrices only, not on biases and norms."""
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate)


class _Trainer:
    """The state of one training; ``epoch`` and ``step`` count what is done."""

    def __init__(self, exp: Path, config: TrainingConfig, task: Task, model: nn.Module, data: TrainingData) -> None:
        self.exp = exp
        self.config = config
        self.task = task
        self.model = model
        self.data = data
        self.optimizer = make_optimizer(model, config)
        self.epoch = 0
        self.step = 0
        self.bad_batches = 0
        self.metrics: list[dict[str, Any]] = []
        self.bad_lines = EpochLines(exp / "bad_batches.jsonl")
        self.left_out_lines = EpochLines(exp / "left_out.jsonl")

    def resume(self) -> None:
        """Go to the last whole checkpoint, and drop what was logged after it."""
        if stored := stored_epochs(self.exp):
            path = checkpoint_path(self.exp, stored[-1])
            progress = load_checkpoint(path, self.model, self.optimizer)
            if progress.data_digest != self.data.digest:
                raise UserError(
                    f"{self.exp} was trained on other utterances or noise than these until epoch {progress.epoch}; "
                    "give the same manifests and sounds again, or train into a new folder"
                )
            self.epoch, self.step, self.metrics = progress.epoch, progress.step, progress.metrics
        self.bad_batches = self.bad_lines.keep_until(self.epoch)
        self.left_out_lines.keep_until(self.epoch)
        EpochLines(self.exp / "metrics.jsonl").replace(self.metrics)

    def run_epoch(self, display: Display) -> None:
        """Train one epoch and measure on dev."""
        began, bad_before = time.perf_counter(), self.bad_batches
        counts, seconds = self._train_epoch(display)
        train_wall = time.perf_counter() - began
        self.epoch += 1
        dev = self._evaluate()
        if counts.left_out:
            self.left_out_lines.add({"epoch": self.epoch, "ids": counts.left_out})
            display.say(f"left out {_shown(counts.left_out)}: {self.task.left_out_reason}; see left_out.jsonl")
        line = {
            "epoch": self.epoch,
            "step": self.step,
            "train_loss": counts.mean_loss,
            "dev_loss": dev.mean_loss,
            f"dev_{self.task.error_name}": dev.error_rate,
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "audio_seconds_per_second": round(seconds / train_wall, 1),
            "bad_batches": self.bad_batches - bad_before,
            "left_out": len(counts.left_out),
            "seconds": round(time.perf_counter() - began, 2),
        }
        self.metrics.append(line)
        display.curves.add(self.step, {name: value for name, value in line.items() if name not in ("epoch", "step")})
        error_name = self.task.error_name.replace("_", " ")
        display.say(
            f"epoch {self.epoch}/{self.config.epochs}: train loss {counts.mean_loss:.4f}, "
            f"dev loss {dev.mean_loss:.4f}, dev {error_name} {dev.error_rate:.2%}, "
            f"{seconds / train_wall:.0f} s audio/s, {line['seconds']:.0f} s"
        )

    def save(self) -> None:
        """Write the checkpoint, then what it makes known, and delete the checkpoints that nothing needs any more."""
        progress = Progress(self.epoch, self.step, self.data.digest, self.metrics)
        save_checkpoint(checkpoint_path(self.exp, self.epoch), self.model, self.optimizer, progress)
        EpochLines(self.exp / "metrics.jsonl").replace(self.metrics)
        # Of the best epochs so far, the best of all are never dropped.
        needed = {self.epoch, *chosen_epochs(self.metrics, self.config, self.task.error_name)}
        for epoch in stored_epochs(self.exp):
            if epoch not in needed:
                checkpoint_path(self.exp, epoch).unlink()

    def write_average(self) -> None:
        """Average the chosen epochs into ``model.safetensors``."""
        epochs = chosen_epochs(self.metrics, self.config, self.task.error_name)
        weights = average_weights(checkpoint_path(self.exp, epoch) for epoch in epochs)
        write_tensors(self.exp / "model.safetensors", weights, {"epochs": epochs})

    def _train_epoch(self, display: Display) -> tuple[Counts, float]:
        """Return the counts and the audio seconds of one epoch."""
        seed_everything(self.config.seed, self.epoch)
        self.model.train()
        counts, seconds = Counts(), 0.0
        for batches in _groups(self.data.train(self.epoch + 1), self.config.accumulate):
            seconds += sum(batch.seconds for batch in batches)
            part = min(seconds / self.data.seconds_per_epoch, 1.0)
            # Progress counts audio, not steps, whose number is unknown until an epoch of bucketed batches is over.
            step_counts, norm = self._train_step(batches, (self.epoch + part) / self.config.epochs)
            counts += step_counts
            loss = step_counts.mean_loss if step_counts.weight else None
            done_seconds = (self.epoch + part) * self.data.seconds_per_epoch
            display.advance(f"epoch {self.epoch + 1}/{self.config.epochs}", done_seconds, loss)
            if loss is not None:
                rate = self.optimizer.param_groups[0]["lr"]
                display.point(self.step, {"loss": loss, "gradient_norm": norm, "learning_rate_of_step": rate})
        return counts, seconds

    def _train_step(self, batches: Sequence[Batch], progress: float) -> tuple[Counts, float]:
        """Change the weights once, by the gradient of all ``batches``; return what they counted and its norm."""
        self.optimizer.zero_grad(set_to_none=True)
        before = _copy_buffers(self.model)
        counts = Counts()
        for batch in batches:
            counts += self._accumulate(batch, progress)
        if counts.weight == 0:
            return counts, 0.0
        parameters = [p for p in self.model.parameters() if p.grad is not None]
        for parameter in parameters:
            assert parameter.grad is not None
            parameter.grad /= counts.weight
        norm = float(clip_grad_norm_(parameters, self.config.clip_norm))
        if not math.isfinite(norm):
            self._skip(batches, "gradient", before)
            return Counts(left_out=counts.left_out), 0.0
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate(progress)
        self.optimizer.step()
        self.step += 1
        return counts, norm

    def _accumulate(self, batch: Batch, progress: float) -> Counts:
        """Add the gradient of one batch, unless its loss is not finite."""
        before = _copy_buffers(self.model)
        loss, counts = self.task.loss(self.model, batch, progress)
        if not math.isfinite(counts.loss):
            self._skip([batch], "loss", before)
            return Counts(left_out=counts.left_out)
        if counts.weight > 0:
            torch.autograd.backward(loss)
        return counts

    def _skip(self, batches: Sequence[Batch], what: str, buffers: dict[str, Tensor]) -> None:
        """Undo what the forward pass left in the buffers (batch statistics), and note the batches."""
        with torch.no_grad():
            for name, buffer in self.model.named_buffers():
                buffer.copy_(buffers[name])
        ids = [id_ for batch in batches for id_ in batch.ids]
        self.bad_lines.add({"epoch": self.epoch + 1, "step": self.step, "not_finite": what, "ids": ids})
        self.bad_batches += 1
        if self.bad_batches > self.config.max_bad_batches:
            raise UserError(
                f"{self.bad_batches} batches had a non-finite loss or gradient, training.max_bad_batches allows "
                f"{self.config.max_bad_batches}; the last held the cuts {_shown(ids)}; "
                f"{self.bad_lines.path} lists all: look at their audio, or lower training.learning_rate"
            )

    def _evaluate(self) -> DevFigures:
        self.model.eval()
        with torch.no_grad():
            return self.task.evaluate(self.model, self.data.dev())

    def _learning_rate(self, progress: float) -> float:
        c = self.config
        return learning_rate(progress, c.learning_rate, c.final_learning_rate, c.warmup_fraction)


def _groups(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    group: list[Batch] = []
    for batch in batches:
        group.append(batch)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


def _shown(ids: Sequence[str]) -> str:
    return ", ".join(ids[:SHOWN_IDS]) + (f" and {len(ids) - SHOWN_IDS} more" if len(ids) > SHOWN_IDS else "")


def _copy_buffers(model: nn.Module) -> dict[str, Tensor]:
    return {name: buffer.clone() for name, buffer in model.named_buffers()}
