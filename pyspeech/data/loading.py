"""Batches from worker processes, in the order in which what they are made of is given."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from pyspeech.data.batch import Batch
from pyspeech.errors import UserError
from pyspeech.process_lifetime import die_with_parent
from pyspeech.threads import one_thread

FEWER_JOBS = "use fewer --jobs"  # of commands, whose workers are among these


def load(dataset: Dataset[Batch], items: Iterable[Any], workers: int, pin: bool) -> Iterator[Batch]:
    """Yield the batch that ``dataset`` makes of each item; ``workers`` processes make them ahead, with 0 this one.

    They are the same whatever makes them: always one thread. Items are asked for when a worker is free: of any number
    of them few are in memory, as of batches. ``pin`` puts these into memory that a GPU reads by itself. The workers end
    with this iterator, and when this process ends, however it does. See :func:`lost_workers`.

    Raises:
        UserError: what a batch raised.
    """
    loader: DataLoader[Batch | _Fault] = DataLoader(
        _Guarded(dataset),
        sampler=items,
        batch_size=None,
        num_workers=workers,
        pin_memory=pin,
        worker_init_fn=partial(_begin_worker, os.getpid()),
        generator=torch.Generator(),  # or it would draw from the one that dropout draws from
    )
    for batch in loader:
        if isinstance(batch, _Fault):
            raise UserError(batch.sentence)
        yield batch


def _begin_worker(parent: int, _number: int) -> None:
    # Torch's workers look for their parent every few seconds only, and never for one that was gone when they began.
    die_with_parent(parent)


@contextmanager
def lost_workers(remedy: str) -> Iterator[None]:
    """Tell of a worker process of :func:`load` that was killed, and what takes less memory.

    For all that goes on while there are workers: torch raises this from a signal handler, wherever the main thread is.

    Raises:
        UserError: one was killed.
    """
    try:
        yield
    except RuntimeError as error:
        if not is_lost_worker(error):
            raise
        raise UserError(
            f"a worker process that makes batches ended ({' '.join(str(error).split())}); was it killed for want of "
            f"memory, or of shared memory, /dev/shm? {remedy}, or give a container more (docker run --shm-size=4g)"
        ) from error


def is_lost_worker(error: RuntimeError) -> bool:
    """Whether torch says that a worker process was killed; what a worker itself raised it tells of in other words."""
    return "DataLoader worker (pid" in str(error)


@dataclass(frozen=True)
class _Fault:
    """A ``UserError`` on its way out of a worker: an exception itself would come as text with a whole traceback."""

    sentence: str


class _Guarded(Dataset["Batch | _Fault"]):
    """A dataset whose ``UserError`` is a batch, and which computes with one thread, as torch's workers do anyway."""

    def __init__(self, dataset: Dataset[Batch]) -> None:
        self.dataset = dataset

    def __getitem__(self, item: Any) -> Batch | _Fault:  # noqa: ANN401 -- whatever the dataset takes
        try:
            with one_thread():
                return self.dataset[item]
        except UserError as error:
            return _Fault(str(error))
