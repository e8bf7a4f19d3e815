"""The process that hands inputs to a child and watches it: what ends it, or keeps it too long, is known."""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

from tools.fuzz.child import READY, Limits, Outcome

PROJECT = Path(__file__).resolve().parents[2]
IDLE_SECONDS = 60.0  # without any use of a processor: then it waits for what never comes
GRACE = 1.5  # of the time limit: a child tells by itself that an input took too long, if it comes to an end
TICK_SECONDS = 0.2
MODULE = ("-m", "tools.fuzz.child")


class Child:
    """A process that obeys orders, one at a time, and is started anew when it has died.

    Args:
        own: A folder for its inputs.
        samples: Folder of the samples.
        limits: For one input.
        module: What Python is to run.
    """

    def __init__(self, own: Path, samples: Path, limits: Limits, module: Sequence[str] = MODULE) -> None:
        self.own, self.samples, self.limits, self._module = own, samples, limits, module
        self._process: subprocess.Popen[str] | None = None
        self._started, self._moved, self._used = 0.0, 0.0, 0.0
        own.mkdir(parents=True)

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    @property
    def is_alive(self) -> bool:
        """Whether it goes on, rather than starting anew at the next order."""
        return self._process is not None

    @property
    def answers(self) -> IO[str]:
        """Where its answers come from."""
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout

    def order(self, order: Mapping[str, str]) -> None:
        """Tell it what to do; :meth:`outcome` will say how that went."""
        if self._process is None:
            self._process = self._start()
            if self.answers.readline() != f"{READY}\n":  # imports count for no input
                raise ChildProcessError(self._died().detail)
        assert self._process.stdin is not None
        self._used = _processor_seconds(self._process.pid)
        self._started = self._moved = time.monotonic()
        self._last = self._used
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def outcome(self) -> Outcome | None:
        """How the order went, as soon as that is known; call it again and again."""
        ready, _, _ = select.select([self.answers], [], [], 0)
        if ready:
            line = self.answers.readline()
            return Outcome(**json.loads(line)) if line else self._died()
        assert self._process is not None
        used = _processor_seconds(self._process.pid)
        if used - self._last > 0.01:
            self._last, self._moved = used, time.monotonic()
        if used - self._used > GRACE * self.limits.seconds:
            return self._killed(f"more than {self.limits.seconds:g} s of processor time")
        if time.monotonic() - self._moved > IDLE_SECONDS:
            return self._killed(f"waited for {IDLE_SECONDS:g} s")
        return None

    def _start(self) -> "subprocess.Popen[str]":
        environment = os.environ | {
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "MALLOC_ARENA_MAX": "2",
            "PYSPEECH_CACHE": "cache",  # of each input its own
            "TMPDIR": str(self.own / "tmp"),
            "MPLCONFIGDIR": str(self.own / "matplotlib"),
            "PYTHONPATH": os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")]),
        }
        (self.own / "tmp").mkdir(exist_ok=True)
        limits = (str(self.limits.seconds), str(self.limits.mib))
        words = [sys.executable, *self._module, str(self.own), str(self.samples), *limits]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            words, stdin=pipe, stdout=pipe, stderr=None, text=True, env=environment, start_new_session=True
        )

    def _died(self) -> Outcome:
        assert self._process is not None
        status = self._process.wait()
        name = signal.Signals(-status).name if status < 0 else f"exit code {status}"
        return self._ended(f"the process died: {name}")

    def _killed(self, why: str) -> Outcome:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGABRT)  # which shows where it was
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            os.kill(self._process.pid, signal.SIGKILL)
        return self._ended(why)

    def _ended(self, what: str) -> Outcome:
        self._end()
        output = self.own / "output"
        said = output.read_bytes()[-20_000:].decode("utf-8", "replace") if output.exists() else ""
        output.unlink(missing_ok=True)
        at = [line.strip() for line in said.splitlines() if "/pyspeech/" in line and line.startswith("  File")]
        place = at[0].rpartition("/pyspeech/")[2].replace('", line ', ":").split()[0] if at else "no place known"
        return Outcome("other", f"{what} at {place}", said, seconds=time.monotonic() - self._started)

    def _end(self) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # with the programs it has started
            process.wait()
            for stream in (process.stdin, process.stdout):
                assert stream is not None
                with suppress(BrokenPipeError):
                    stream.close()
        shutil.rmtree(self.own / "tmp", ignore_errors=True)


def wait_for(children: Iterable[Child]) -> None:
    """Wait until one of them, which must all have orders, has an answer, or might have taken too long."""
    select.select([child.answers for child in children], [], [], TICK_SECONDS)


def _processor_seconds(pid: int) -> float:
    """Of a process and those that it has started, as far as they are there."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    except OSError:
        return 0.0
    own = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return own + sum(_processor_seconds(int(child)) for child in children)
