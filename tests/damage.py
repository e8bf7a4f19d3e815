"""Damage to files, the same in every run, and disks that are full."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


@contextmanager
def limited_files(size: int) -> Iterator[None]:
    """Let this process write no more than ``size`` bytes into a file, as if the disk were full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)


def flipped_bytes(content: bytes, count: int, seed: int = 0) -> Iterator[tuple[int, bytes]]:
    """``count`` times a place and ``content`` with another byte there; a third of them each in its ends and all of it.

    The ends, of a fifth each, are where formats keep what describes the rest.
    """
    rng = np.random.default_rng(seed)
    size = len(content)
    spans = ((0, size), (0, max(size // 5, 1)), (size - max(size // 5, 1), size))
    for number in range(count):
        place = int(rng.integers(*spans[number % len(spans)]))
        changed = bytearray(content)
        changed[place] ^= int(rng.integers(1, 256))
        yield place, bytes(changed)
