"""The same work on many things by several processes, none of which may die unnoticed or live on alone."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pyspeech.errors import UserError
from pyspeech.messages import tell_from, told_from
from pyspeech.own_code import trust, trusted
from pyspeech.process_lifetime import die_with_parent
from pyspeech.threads import physical_cores, workers_beside

LITTLE_SECONDS = 600.0  # of audio: done before further processes have started, which takes 2 to 3 seconds
LITTLE_TO_READ_SECONDS = 3600.0  # of audio: its features are computed before then

Item = TypeVar("Item")
Result = TypeVar("Result")


def jobs_for(seconds: float) -> int:
    """How many processes should work on so much audio: one for each core, or this one alone where it is little."""
    return 1 if seconds < LITTLE_SECONDS else physical_cores()


def jobs_beside(device_type: str, seconds: float) -> int:
    """How many processes a network on a device should have for so much audio: it, and those that make its batches.

    This one alone where there is one core, or the audio is little; where processes are forked they are there at once.
    """
    forks = (multiprocessing.get_start_method(allow_none=True) or multiprocessing.get_all_start_methods()[0]) == "fork"
    is_little = seconds < (LITTLE_SECONDS if forks else LITTLE_TO_READ_SECONDS)
    return 1 if is_little or physical_cores() == 1 else 1 + workers_beside(device_type)


def map_in_processes(
    work: Callable[[Item], Result], items: Sequence[Item], processes: int, advice: str
) -> Iterator[Result]:
    """Yield ``work(item)`` for every item, in their order, computed by new processes of one thread each.

    Where there is one process or one item, this process does the work.

    Args:
        work: A function of a module, or an object of a class of one.
        items: One for each call.
        processes: At most; there are no more than items.
        advice: What the user may do about a process that died.

    Raises:
        UserError: a process died, by the hand of the system as a rule; what ``work`` raises is raised here.
    """
    if min(processes, len(items)) <= 1:
        yield from map(work, items)
        return
    # Started afresh, not forked: a fork of a process with threads, as torch has, may hang.
    context = multiprocessing.get_context("spawn")
    begin = (os.getpid(), told_from(), trusted())
    executor = ProcessPoolExecutor(min(processes, len(items)), context, _begin, begin)
    try:
        with _one_thread(), _no_interrupt():
            results = executor.map(work, items)
        yield from results
    except BrokenProcessPool as error:
        raise UserError(
            f"one of the processes was killed or crashed, for want of memory as a rule; {advice}"
        ) from error
    finally:
        executor.shutdown(cancel_futures=True)


def _begin(parent: int, level: int | None, code: Sequence[Path]) -> None:
    if level is not None:
        tell_from(level)  # messages of this process are the command's, too
    trust(*code)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C is for all processes of a command; the first one tells of it
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    die_with_parent(parent)  # which may be gone before this process can ask to follow it


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Let Ctrl-C wait, also in the processes that start in this block, whose imports it would break into."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let processes that start in this block use one thread: numpy and torch read this variable at import."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        os.environ.pop("OMP_NUM_THREADS")
        if before is not None:
            os.environ["OMP_NUM_THREADS"] = before
