"""Which utterances come together in an epoch, known before any is read: similar lengths, in an order of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pyspeech.config import BatchConfig
from pyspeech.files import digest

Reals = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class EpochPlan(Sequence[Integers]):
    """The batches of an epoch, each the numbers of its utterances.

    Two arrays rather than a list: millions of Python objects would be copied into every worker process.

    Args:
        order: [kept] Numbers, those of a batch together.
        first: [batches + 1] Where each batch begins in ``order``; last, how many are kept.
    """

    order: Integers
    first: Integers

    def __len__(self) -> int:
        return len(self.first) - 1

    def __getitem__(self, number: int) -> Integers:  # type: ignore[override]  # no slices
        if not 0 <= number < len(self):
            raise IndexError(number)
        return self.order[self.first[number] : self.first[number + 1]]


def plan_epoch(seconds_N: Reals, config: BatchConfig, seed: int, epoch: int) -> EpochPlan:
    """Deal utterances of ``seconds_N`` to batches of at most ``config.max_seconds`` with their padding.

    Those within the length limits come once each; one that is longer than a batch is alone in its own. Every epoch
    has other batches, which depend on ``seed`` and ``epoch`` alone. In the order of their lengths, an utterance may
    move by up to the share 1 / ``config.buckets`` of all audio: this makes batches differ, and costs little padding.
    """
    within = (config.min_utterance_seconds <= seconds_N) & (seconds_N <= config.max_utterance_seconds)
    kept = np.flatnonzero(within).astype(np.int32)
    if not len(kept):
        return EpochPlan(kept, np.zeros(1, dtype=np.int64))
    rng = generator_of(seed, "batches", epoch)
    kept = kept[_sorted(seconds_N[kept])]
    place = np.cumsum(seconds_N[kept], dtype=np.float64)
    place /= place[-1]
    place += rng.random(len(kept), dtype=np.float32) / config.buckets
    order = kept[_sorted(place)]
    del place  # memory for millions
    first = _greedy(seconds_N[order], config.max_seconds)
    return _shuffled(EpochPlan(order, first), rng)


def _sorted(keys: Reals) -> Integers:
    """Numbers of ``keys`` in the order of their first 16 bits: numpy sorts these many times as fast."""
    return np.argsort((keys / keys.max() * 0xFFFF).astype(np.uint16), kind="stable")


def _greedy(seconds_N: Reals, most: float) -> Integers:
    """Where batches begin that hold as many as fit, in this order; last, the number of all."""
    first = [0]
    begin = 0
    while begin < len(seconds_N):
        # No more fit than of the first one's length; if those that follow are shorter, a batch may end too early.
        window = seconds_N[begin : begin + max(int(1.25 * most / max(seconds_N[begin], 1e-3)), 1)]
        padded = np.maximum.accumulate(window) * np.arange(1, len(window) + 1)
        begin += max(int(np.searchsorted(padded, most, side="right")), 1)
        first.append(begin)
    return np.array(first)


def _shuffled(plan: EpochPlan, rng: np.random.Generator) -> EpochPlan:
    """Put the batches in a random order; that of the utterances of each is random already."""
    batches = rng.permutation(len(plan))
    first = np.concatenate([[0], np.cumsum(np.diff(plan.first)[batches])])
    return EpochPlan(np.concatenate([plan[number] for number in batches]), first)


def generator_of(*parts: object) -> np.random.Generator:
    """Return a generator of equal numbers for equal parts; see :func:`pyspeech.files.digest`."""
    return np.random.default_rng(int(digest(*parts), 16))
