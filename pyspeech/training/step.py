"""One change of the weights: the gradient of all processes' batches, clipped, and AdamW's step by it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.utils.clip_grad import clip_grad_norm_

from pyspeech.config import TrainingConfig
from pyspeech.training.distributed import Processes
from pyspeech.training.gradient import BAD_BATCHES, Gradient, Note, Numbered, Place, Summed
from pyspeech.training.precision import LossScale
from pyspeech.training.step_totals import Sums


@dataclass(frozen=True)
class Step:
    """What a step did. ``gradient_norm`` is that before clipping; None where the weights did not change."""

    sums: Sums
    gradient_norm: float | None
    notes: tuple[Note, ...]


class Stepper:
    """Takes the steps of a training: the same in every process."""

    def __init__(self, config: TrainingConfig, gradient: Gradient, processes: Processes) -> None:
        self.config = config
        self.gradient = gradient
        self.processes = processes
        self.optimizer = make_optimizer(gradient.model, config)
        self.scale: LossScale = gradient.precision.loss_scale()

    def rate(self, progress: float) -> float:
        """Return the learning rate of the step after which that part of the training is done, 0 to 1."""
        c = self.config
        return learning_rate(progress, c.learning_rate, c.final_learning_rate, c.warmup_fraction)

    def take(self, batches: Sequence[Numbered], place: Place, data_wait: float) -> Step:
        """Change the weights once by the gradient of the batches that this process and the others have of the step."""
        buffers = self.gradient.buffers
        own = self.gradient.compute(batches, place, self.scale.value)
        seconds = sum(each.batch.seconds for each in batches)
        loss, weight, seconds, data_wait, shares, num_notes = self._sum(
            own.loss, own.weight, seconds, data_wait / self.processes.count, own.shares, float(len(own.notes))
        )
        notes = self._all_notes(own) if num_notes else ()
        nothing = Sums(seconds=seconds, data_wait=data_wait)
        if weight == 0:
            return Step(nothing, None, notes)
        norm = self._sum_gradients(weight)
        finite = math.isfinite(norm)
        if self.scale.update(finite):
            return Step(nothing + Sums(overflows=1), None, notes)
        if not finite:
            return Step(nothing, None, (*notes, self._bad_gradient(batches, place)))
        buffers.put(self.processes.sum(own.buffers_N).div(shares))
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(place.progress)
        self.optimizer.step()
        return Step(Sums(loss, weight, seconds, data_wait=data_wait), norm, notes)

    def _sum(self, *values: float) -> list[float]:
        if self.processes.count == 1:
            return list(values)
        sums: list[float] = self.processes.sum(
            torch.tensor(values, dtype=torch.float64, device=self.processes.device)
        ).tolist()
        return sums

    def _sum_gradients(self, weight: float) -> float:
        """Divide the gradients, summed over processes, by ``weight`` and the loss scale; clip; return their norm."""
        sum_gradients(learnt(self.gradient.model), self.processes)
        parameters = [p for p in self.gradient.model.parameters() if p.grad is not None]
        torch._foreach_div_([p.grad for p in parameters], weight * self.scale.value)
        return float(clip_grad_norm_(parameters, self.config.clip_norm))

    def _all_notes(self, summed: Summed) -> tuple[Note, ...]:
        """Return the notes of all processes, in the order of their batches."""
        gathered = self.processes.gather([[note.file, note.line] for note in summed.notes])
        notes = [Note(file, line) for each in gathered for file, line in each]
        return tuple(sorted(notes, key=lambda note: note.line["batch"]))

    def _bad_gradient(self, batches: Sequence[Numbered], place: Place) -> Note:
        mine = [[each.number, list(each.batch.ids)] for each in batches]
        numbered = sorted(each for them in self.processes.gather(mine) for each in them)
        ids = [id_ for _, them in numbered for id_ in them]
        line = {"epoch": place.epoch, "batch": numbered[0][0], "step": place.step, "not_finite": "gradient", "ids": ids}
        return Note(BAD_BATCHES, line)


def learnt(model: nn.Module) -> list[nn.Parameter]:
    """Return the weights that are not frozen."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def make_optimizer(model: nn.Module, config: TrainingConfig) -> torch.optim.AdamW:
    """AdamW (https://arxiv.org/abs/1711.05101); weight decay on matrices only, not on biases and norms."""
    parameters = learnt(model)
    groups = [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate)


def sum_gradients(parameters: Sequence[nn.Parameter], processes: Processes) -> None:
    """Replace each gradient by its sum over the processes, in one exchange; one that no process has stays None."""
    if processes.count == 1:
        return
    # Weights without a gradient anywhere must not decay, as they do not in one process.
    known = torch.tensor([float(p.grad is not None) for p in parameters], device=processes.device)
    parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    flat = processes.sum(torch.cat([known, *(part.flatten() for part in parts)]))
    counts, *sums = torch.split(flat, [len(parameters), *(p.numel() for p in parameters)])
    for parameter, count, total in zip(parameters, counts.tolist(), sums, strict=True):
        parameter.grad = total.view_as(parameter) if count else None


def learning_rate(progress: float, peak: float, final: float, warmup_fraction: float) -> float:
    """Return the learning rate at ``progress``, the part of the whole training that is done, 0 to 1.

    Rises from 0 to ``peak`` at ``warmup_fraction``, then falls to ``final`` at 1: a linear warm-up, and half a cosine
    (https://arxiv.org/abs/1608.03983, without restarts).
    """
    if progress < warmup_fraction:
        return peak * progress / warmup_fraction
    decay = min((progress - warmup_fraction) / (1 - warmup_fraction), 1.0)
    return final + (peak - final) * (1 + math.cos(math.pi * decay)) / 2
