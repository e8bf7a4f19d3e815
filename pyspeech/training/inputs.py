"""What a training is given: a task, which says what a network's output means, and batches."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from torch.utils.data import Dataset

from pyspeech.data.batch import Batch
from pyspeech.training.dev_evaluation import Measure
from pyspeech.training.gradient import Loss


class Task(Loss, Measure, Protocol):
    """What a network's output means. ``left_out_reason`` says why an utterance may have no loss."""

    left_out_reason: str


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
