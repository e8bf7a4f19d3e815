"""Several processes of one training, as torchrun starts them: each computes its own batches, all make the same steps.

What they exchange stands between steps: at the end of each the summed gradients, and where there are any the notes of
what was left out; then what the first process decides by its clock, and measures on dev. torch's
DistributedDataParallel exchanges gradients while they are computed and needs every process to run forward and backward
equally often: a batch that is split because it does not fit into the memory, one that is skipped, or a last step that
is too short for all would make its other processes wait for ever.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed

from pyspeech.data.loading import is_lost_worker
from pyspeech.device import choose_device
from pyspeech.errors import UserError, first_line
from pyspeech.process_lifetime import die_with_parent
from pyspeech.training.memory import is_out_of_memory

_collectives: Any = distributed  # torch 1.13 gives their functions no types
# The first process measures on dev while the others wait. If one fails, torchrun ends them all at once.
LONGEST_WAIT = timedelta(hours=12)


@dataclass(frozen=True)
class Processes:
    """The processes of one training, and which one this is: ``rank`` counts from 0."""

    rank: int = 0
    count: int = 1
    device: torch.device = torch.device("cpu")  # noqa: RUF009

    @property
    def first(self) -> bool:
        """Whether this one writes, shows and decides for all."""
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum of ``values`` (of one shape and type) over the processes, in place, the same in each."""
        if self.count > 1:
            with _lost_process():
                _collectives.all_reduce(values)
        return values

    def gather(self, value: Any) -> list[Any]:  # noqa: ANN401
        """Return what each process gave, in the order of the ranks; anything that JSON can hold."""
        if self.count == 1:
            return [value]
        content = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8).to(self.device)
        lengths = torch.zeros(self.count, dtype=torch.int64, device=self.device)
        lengths[self.rank] = len(content)
        sizes = self.sum(lengths).tolist()
        padded = torch.zeros(max(sizes), dtype=torch.uint8, device=self.device)
        padded[: len(content)] = content
        gathered = [torch.empty_like(padded) for _ in sizes]
        with _lost_process():
            _collectives.all_gather(gathered, padded)
        return [json.loads(bytes(each[:size].tolist())) for each, size in zip(gathered, sizes, strict=True)]

    def decided(self, choice: int) -> int:
        """Return what the first process chose."""
        if self.count == 1:
            return choice
        return int(self.sum(torch.tensor(choice if self.first else 0, device=self.device)).item())


@contextmanager
def joined(device_name: str | None) -> Iterator[Processes]:
    """Join the processes that torchrun started, or be the only one; each has its own GPU, or all the CPU.

    Raises:
        UserError: no device has that name or it does not work, or the name is of one GPU for several processes.
    """
    rank, count, local = (int(os.environ.get(key, default)) for key, default in _VARIABLES)
    if count == 1:
        device = choose_device(device_name)
        if device.index is not None:
            torch.cuda.set_device(device)
        yield Processes(device=device)
        return
    if device_name is not None and ":" in device_name:
        raise UserError(f"--device {device_name} is one device for {count} processes; give --device cuda, or cpu")
    device = choose_device(device_name, local)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    die_with_parent()  # what torchrun started, too: another will continue the training
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=LONGEST_WAIT)
    yield Processes(rank, count, device)
    # Only where all went well: after an error the others may not come to an end together.
    distributed.destroy_process_group()


_VARIABLES = (("RANK", "0"), ("WORLD_SIZE", "1"), ("LOCAL_RANK", "0"))


@contextmanager
def _lost_process() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if is_out_of_memory(error) or is_lost_worker(error):
            raise
        raise UserError(f"another process of this training ended, see what it says ({first_line(error)})") from error
