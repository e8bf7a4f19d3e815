"""Measures a training from within: audio, time and waiting after a warm-up, until its time is over."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import torch

from pyspeech.errors import UserError

WARM_UP = 3  # batches, before the clock starts: kernels are chosen, memory is taken, workers have begun


class Enough(Exception):
    """The time is over."""


@dataclass(frozen=True)
class Turn:
    """What a training did: seconds of audio, in seconds, of them waiting for data; most bytes it held at once.

    cpu: seconds that it and its workers computed; what a busy machine does to the others, it does less to these.
    """

    steps: int
    audio: float
    wall: float
    cpu: float
    data_wait: float
    memory: int

    @property
    def speed(self) -> float:
        """Hours of audio in an hour."""
        return self.audio / self.wall

    @property
    def waiting(self) -> float:
        """Share of the time."""
        return self.data_wait / self.wall


class Meter:
    """Told of each batch when it has come; raises :class:`Enough` after ``seconds``, memory still held."""

    def __init__(self, device: torch.device, seconds: float) -> None:
        self.device = device
        self.seconds = seconds
        self.steps = -WARM_UP
        self.audio = self.data_wait = self.began = self.cpu_began = 0.0
        self.memory = 0
        self.turn: Turn | None = None

    def batch(self, audio: float, data_wait: float = 0.0) -> None:
        """Note that the batches before are done, and that one of so many seconds came after so long."""
        if self.steps == 0:
            self.began, self.cpu_began = self._now(), _cpu_seconds()
            self.audio = self.data_wait = 0.0
        elif self.steps > 0 and time.perf_counter() - self.began >= self.seconds:
            self.stop()
        else:
            self.data_wait += data_wait
        self.memory = max(self.memory, peak_memory(self.device))  # here, while all workers live
        self.audio += audio
        self.steps += 1

    def stop(self) -> NoReturn:
        """Measure up to now.

        Raises:
            Enough: always; or a ``UserError`` where the warm-up is not over.
        """
        if self.steps <= 0:
            raise UserError(f"an epoch has no more than {WARM_UP} batches; give more audio, or --copies of it")
        wall = self._now() - self.began
        if wall < self.seconds / 2:
            raise UserError(
                f"an epoch is over after {wall:.1f} of {self.seconds:g} seconds; give more audio, or --copies of it"
            )
        cpu = _cpu_seconds() - self.cpu_began
        self.turn = Turn(self.steps, self.audio, wall, cpu, self.data_wait, self.memory)
        raise Enough

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


def peak_memory(device: torch.device) -> int:
    """Most bytes of tensors that a GPU held; on the CPU, resident memory of this process and its children, summed."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return sum(map(_peak_resident, _with_children()))


def _with_children() -> list[int]:
    own = os.getpid()
    return [own, *map(int, Path(f"/proc/{own}/task/{own}/children").read_text(encoding="ascii").split())]


def _cpu_seconds() -> float:
    """Of this process and its children, those that have ended too."""
    ticks = 0
    for process in _with_children():
        # Of what follows the name, which may hold anything, from the 12th (man 5 proc: utime, stime, cutime, cstime).
        fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _peak_resident(process: int) -> int:
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    # A process that has ended, and that nobody asked for its exit status, has none.
    kilobytes = dict(line.split(":", 1) for line in lines).get("VmHWM", "0 kB").split()[0]
    return int(kilobytes) * 1024
