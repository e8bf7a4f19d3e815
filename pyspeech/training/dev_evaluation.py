"""Measuring on dev while training: the figures of a validation, and when they say that it is enough."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch

from pyspeech.data.batch import Batch
from pyspeech.errors import UserError, first_line
from pyspeech.tasks.network import NetworkWithLoss
from pyspeech.tasks.task import Learning
from pyspeech.training.checkpoint import Progress
from pyspeech.training.memory import is_out_of_memory

Metrics = Sequence[Mapping[str, Any]]


def measure_on_dev(
    task: Learning,
    model: NetworkWithLoss,
    batches: Iterable[Batch],
    on_device: Callable[[Batch], Batch],
    progress: Progress,
) -> dict[str, Any]:
    """Measure ``model`` on dev; return the line of the validation: train and dev figures, and the speed.

    Dev is measured in float32, as the network is used. ``epoch`` is left to the caller.

    Raises:
        UserError: a batch of dev does not fit into the memory.
    """
    began = time.perf_counter()
    model.eval()
    try:
        with torch.no_grad():
            dev = task.evaluate(model, map(on_device, batches))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise UserError(
            f"dev does not fit into the memory ({first_line(error)}); take its longest utterances out, lower "
            "batches.max_seconds in a new training, or free memory"
        ) from error
    model.train()
    since = progress.since
    return {
        "step": progress.step,
        "train_loss": since.mean_loss,
        "dev_loss": dev.mean_loss,
        f"dev_{task.error_name}": dev.error_rate,
        "audio_seconds_per_second": round(since.seconds / max(since.wall, 1e-9), 1),
        "data_wait": round(since.data_wait / max(since.wall, 1e-9), 4),
        "seconds": round(since.wall + time.perf_counter() - began, 2),
    }


def peak_memory(device: torch.device) -> dict[str, int]:
    """Return the most bytes that tensors took on a GPU since this was asked last; of the CPU nothing is known."""
    if device.type != "cuda":
        return {}
    peak = torch.cuda.max_memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    return {"peak_memory_bytes": peak}


def validations_without_progress(metrics: Metrics, error_name: str) -> int:
    """How many validations at the end were no better than the best before them."""
    errors = [line[f"dev_{error_name}"] for line in metrics]
    return len(errors) - 1 - errors.index(min(errors)) if errors else 0
