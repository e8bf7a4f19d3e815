"""How many CPU threads torch uses."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def set_threads() -> None:
    """Choose the number of threads for this process and those it starts; ``OMP_NUM_THREADS`` has the last word.

    One under torch 1.x, whose threads spin and slow each other down up to fifty times on a busy machine; one for each
    physical core from torch 2 on. Call it before numpy and torch are imported: their libraries read it only once.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        os.environ["OMP_NUM_THREADS"] = str(1 if _torch_major() < 2 else physical_cores())


def physical_cores() -> int:
    """Physical cores that this process may run on; where the system does not say, all logical ones."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    topology = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
    try:
        # Logical processors of one core list the same siblings.
        return len({Path(topology.format(number)).read_text(encoding="ascii") for number in allowed})
    except OSError:
        return len(allowed)


def workers_beside(device_type: str) -> int:
    """How many processes should make batches for each one that trains: the cores that a GPU leaves it, at least one.

    Where cores train, one: it is seldom waited for.
    """
    if device_type != "cuda":
        return 1
    return max(physical_cores() // int(os.environ.get("LOCAL_WORLD_SIZE", "1")) - 1, 1)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread in this block.

    For pieces of work too small to share, and where results must not hang on how many threads sum them up.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _torch_major() -> int:
    try:
        return int(version("torch").split(".")[0])
    except (PackageNotFoundError, ValueError):
        return 2
