"""The same work on many things by several processes, none of which may die unnoticed or live on alone."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import TypeVar

from pyspeech.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_processes(work: Callable[[Item], Result], items: Sequence[Item], processes: int) -> Iterator[Result]:
    """Yield ``work(item)`` for every item, in their order, computed by new processes of one thread each.

    Raises:
        UserError: a process died, by the hand of the system as a rule; what ``work`` raises is raised here.
    """
    # Started afresh, not forked: a fork of a process with threads, as torch has, may hang.
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(min(processes, len(items)), context, initializer=_begin)
    try:
        with _one_thread(), _no_interrupt():
            results = executor.map(work, items)
        yield from results
    except BrokenProcessPool as error:
        raise UserError(
            "a decoding process was killed or crashed, for want of memory as a rule; "
            "use fewer --jobs, or lower decode.max_active_states or decode.batch_seconds"
        ) from error
    finally:
        executor.shutdown(cancel_futures=True)


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C is for all processes of a command; the first one tells of it
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    _die_with_parent()


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


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
