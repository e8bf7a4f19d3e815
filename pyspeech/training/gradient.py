"""The gradient of the batches that one process has of a step, whatever is wrong with some of them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pyspeech.data.batch import Batch
from pyspeech.tasks.counts import Counts
from pyspeech.tasks.network import NetworkWithLoss
from pyspeech.tasks.task import Learning
from pyspeech.training.memory import Piece, is_out_of_memory
from pyspeech.training.precision import Precision
from pyspeech.training.seeds import seed_everything

# The files that name what was left out, each by its lines; all lines hold epoch, batch and ids.
BAD_BATCHES, LEFT_OUT, UNREADABLE, OUT_OF_MEMORY = NOTES = ("bad_batches", "left_out", "unreadable", "out_of_memory")


@dataclass(frozen=True)
class Numbered:
    """A batch and its number in the epoch, from 0."""

    number: int
    batch: Batch


@dataclass(frozen=True)
class Place:
    """Where a step stands: ``epoch`` from 1, steps done before it, and the part of the training done after it."""

    epoch: int
    step: int
    progress: float


@dataclass(frozen=True)
class Note:
    """A line for one of the files that name what was left out."""

    file: str
    line: dict[str, Any]


@dataclass(frozen=True)
class Summed:
    """What the batches of one process gave, besides the gradients, which are in the network.

    Args:
        buffers_N: The sum of what each batch would have left in the network's buffers, were it alone.
        shares: The number of batches in that sum, a half of one as a half.
    """

    loss: float
    weight: float
    buffers_N: Tensor
    shares: float
    notes: tuple[Note, ...]


class Gradient:
    """Computes gradients of summed losses, times a scale, into the parameters of ``model``.

    All randomness of a batch comes from (seed, epoch, its number), so that it does not matter which process has it.
    A batch with a non-finite loss is left out. One that does not fit into the memory is computed in halves, and a
    single utterance that does not fit is left out.
    """

    def __init__(
        self,
        seed: int,
        task: Learning,
        model: NetworkWithLoss,
        on_device: Callable[[Batch], Batch],
        precision: Precision,
    ) -> None:
        self.seed = seed
        self.task = task
        self.model = model
        self.on_device = on_device
        self.precision = precision
        self.buffers = Buffers(model)

    def compute(self, batches: Sequence[Numbered], place: Place, scale: float) -> Summed:
        """Set the gradients to those of ``batches``; the buffers are what they were."""
        pieces = [Piece((each.number,), each.batch) for each in batches if each.batch.ids]
        notes = [
            Note(UNREADABLE, {"epoch": place.epoch, "batch": each.number, "id": bad.id, "reason": bad.reason})
            for each in batches
            for bad in each.batch.unreadable
        ]
        before_N = self.buffers.copy()
        while True:
            attempt, too_large = self._attempt(pieces, place, scale, before_N)
            if too_large is None:
                return Summed(attempt.loss, attempt.weight, attempt.buffers_N, attempt.shares, (*notes, *attempt.notes))
            # The gradients that it added to may hold a part of its own: all of the step is done again.
            halves = pieces[too_large].split()
            notes.append(_note(OUT_OF_MEMORY, place, pieces[too_large], left_out=not halves))
            pieces[too_large : too_large + 1] = halves
            if self.precision.device.type == "cuda":
                torch.cuda.empty_cache()

    def _attempt(
        self, pieces: Sequence[Piece], place: Place, scale: float, before_N: Tensor
    ) -> tuple[Summed, int | None]:
        """Add up the pieces until one does not fit into the memory; return its place, too."""
        self.model.zero_grad(set_to_none=True)
        total, buffers_N, shares = Counts(), torch.zeros_like(before_N), 0.0
        notes: list[Note] = []
        too_large = None
        for index, piece in enumerate(pieces):
            counts = self._add(piece, place, scale)
            if counts is None:
                too_large = index
            elif not math.isfinite(counts.loss):
                notes.append(_note(BAD_BATCHES, place, piece, step=place.step, not_finite="loss"))
                counts = Counts(left_out=counts.left_out)
            elif counts.weight > 0:
                buffers_N += self.buffers.copy().mul(piece.share)
                shares += piece.share
            self.buffers.put(before_N)
            if counts is None:
                break
            total += counts
            if counts.left_out:
                notes.append(Note(LEFT_OUT, _place_of(piece, place) | {"ids": list(counts.left_out)}))
        return Summed(total.loss, total.weight, buffers_N, shares, tuple(notes)), too_large

    def _add(self, piece: Piece, place: Place, scale: float) -> Counts | None:
        """Add the gradient of one piece; None if it does not fit into the memory."""
        try:
            return self._backward(piece, place, scale)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        return None  # not above, where the error still holds all that was computed

    def _backward(self, piece: Piece, place: Place, scale: float) -> Counts:
        seed_everything(self.seed, place.epoch, *piece.path)
        batch = self.on_device(piece.batch)
        with self.precision.autocast():
            loss, counts = self.task.loss(self.model, batch, place.progress)
        if counts.weight > 0 and math.isfinite(counts.loss):
            torch.autograd.backward(loss.mul(scale))
        return counts


def _note(file: str, place: Place, piece: Piece, **more: Any) -> Note:  # noqa: ANN401
    return Note(file, _place_of(piece, place) | more | {"ids": list(piece.batch.ids)})


def _place_of(piece: Piece, place: Place) -> dict[str, Any]:
    return {"epoch": place.epoch, "batch": piece.number}


class Buffers:
    """The buffers of a network that belong to its state, as one vector of doubles, which hold any float32 exactly."""

    def __init__(self, model: nn.Module) -> None:
        self.device = next(model.parameters()).device
        stored = model.state_dict().keys()
        self.tensors = [buffer for name, buffer in model.named_buffers() if name in stored]

    def copy(self) -> Tensor:
        """Return their values: ``[N]``."""
        if not self.tensors:
            return torch.zeros(0, dtype=torch.float64, device=self.device)
        return torch.cat([tensor.detach().flatten().double() for tensor in self.tensors])

    def put(self, values_N: Tensor) -> None:
        """Set them to these values."""
        sizes = [tensor.numel() for tensor in self.tensors]
        with torch.no_grad():
            for tensor, part in zip(self.tensors, torch.split(values_N, sizes), strict=True):
                tensor.copy_(part.view(tensor.shape))
