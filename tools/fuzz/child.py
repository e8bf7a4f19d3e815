"""The process that reads damaged inputs, one after the other, and tells the outcome of each; one may kill it."""

import contextlib
import faulthandler
import json
import os
import random
import resource
import shutil
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from pyspeech.errors import UserError
from tools.fuzz.judge import Wrong, refuse_message, refuse_unsound
from tools.fuzz.mutations import damage
from tools.fuzz.odd import CANARY
from tools.fuzz.reader import Reader

Kind = Literal["right", "refused", "other"]
MIB = 1 << 20
READY = "ready"  # what it says first
INPUT = "input"  # the folder within a child's own that an input lies in


@dataclass(frozen=True)
class Limits:
    """What one input may cost: seconds of processor time, and MiB of memory beyond what is there before."""

    seconds: float = 10.0
    mib: int = 1024


@dataclass(frozen=True)
class Outcome:
    """How reading ended.

    Args:
        kind: One of the two that are allowed, or other.
        what: The message, or what went wrong in one line: of the same fault the same.
        detail: A traceback, if there is one.
        damage: What was done to the input.
        seconds: Processor time.
        mib: The most memory, beyond what was there before.
    """

    kind: Kind
    what: str
    detail: str = ""
    damage: str = ""
    seconds: float = 0.0
    mib: float = 0.0


def serve(readers: Mapping[str, Reader], own: Path, samples: Path, limits: Limits) -> None:
    """Read orders from standard input, one JSON object a line, and answer each by a line on standard output.

    ``{"sample": name}`` makes a sample, ``{"reader"}`` reads it as it is, ``{"reader", "seed"}`` damages it before;
    with ``"make": folder`` that is all, and the input is left there. ``{"reader", "folder"}`` reads what lies there.
    """
    faulthandler.enable()
    with os.fdopen(os.dup(0)) as orders, os.fdopen(os.dup(1), "w") as answers:
        _keep_output(own / "output")
        print(READY, file=answers, flush=True)
        for line in orders:
            outcome = _obey(json.loads(line), readers, own, samples, limits)
            print(json.dumps(asdict(outcome)), file=answers, flush=True)


def _obey(order: Mapping[str, str], readers: Mapping[str, Reader], own: Path, samples: Path, limits: Limits) -> Outcome:
    if "sample" in order:
        [sample] = {reader.sample for reader in readers.values() if reader.sample.__name__ == order["sample"]}
        (samples / order["sample"]).mkdir(parents=True)
        os.chdir(samples / order["sample"])
        sample()
        return Outcome("right", "")
    reader = readers[order["reader"]]
    os.chdir(own)
    folder = Path(order.get("make", own / "work" / INPUT))
    shutil.rmtree(folder.parent if "make" not in order else folder, ignore_errors=True)
    folder.parent.mkdir(exist_ok=True)
    shutil.copytree(order.get("folder", samples / reader.sample.__name__), folder)
    os.chdir(folder)
    done = ""
    if "folder" not in order and reader.prepare is not None:
        reader.prepare()
    if "seed" in order:
        files = sorted(path for path in Path().glob(reader.files) if path.is_file())
        done = damage(files, _all_files(samples), random.Random(order["seed"]))  # noqa: S311 -- damage, not secrets
    if "make" in order:
        return Outcome("right", "", damage=done)
    return _judged(reader, done, folder, limits)


@cache
def _all_files(samples: Path) -> list[Path]:
    return sorted(path for path in samples.rglob("*") if path.is_file())


def _judged(reader: Reader, done: str, folder: Path, limits: Limits) -> Outcome:
    memory, started = _Memory(), _processor_seconds()
    with memory.limited(limits.mib):
        kind, what, detail = _read(reader)
    seconds, mib = _processor_seconds() - started, memory.grown()
    beside = [path.name for path in folder.parent.iterdir() if path.name != INPUT]
    if (folder / CANARY).exists():
        kind, what = "other", "a command of the input was run"
    elif beside:
        kind, what = "other", f"files outside its folder: {', '.join(beside)}"
    elif mib > limits.mib:
        kind, what = "other", f"more than {limits.mib} MiB of memory"
    elif seconds > limits.seconds:
        kind, what = "other", f"more than {limits.seconds:g} s of processor time"
    return Outcome(kind, what, detail, done, seconds, mib)


def _read(reader: Reader) -> tuple[Kind, str, str]:
    try:
        try:
            refuse_unsound(reader.read())
        except UserError as error:
            refuse_message(str(error))
            return "refused", str(error), ""
        except OSError as error:
            if error.filename is None:  # else the command line makes one line of it
                raise
            return "refused", str(error), ""
    except Wrong as error:
        return "other", str(error), traceback.format_exc()
    except BaseException as error:  # whatever it is, it is the find
        return "other", f"{type(error).__name__} at {_place(error)}", traceback.format_exc()
    return "right", "", ""


def _place(error: BaseException) -> str:
    """File and line, the innermost of the project's if there is one."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/pyspeech/" in frame.filename] or frames
    return f"{ours[-1].filename.rpartition('/pyspeech/')[2]}:{ours[-1].lineno}"


def _keep_output(path: Path) -> None:
    """What the libraries print goes to a file, and nothing reads the orders."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)


def _processor_seconds() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(each.ru_utime + each.ru_stime for each in (own, children))


class _Memory:
    """How much memory this process takes from now on."""

    def __init__(self) -> None:
        with contextlib.suppress(OSError):  # where the kernel does not allow it, the peak is that of all so far
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        self._before = self._kib("VmRSS")

    def grown(self) -> float:
        """The most so far, in MiB beyond what was there before."""
        return max(0.0, (self._kib("VmHWM") - self._before) / 1024)

    @contextlib.contextmanager
    def limited(self, mib: int) -> Iterator[None]:
        """Within, a request for more raises ``MemoryError``."""
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (self._kib("VmSize") * 1024 + mib * MIB, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (hard, hard))

    @staticmethod
    def _kib(name: str) -> int:
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1])
        raise LookupError(name)


if __name__ == "__main__":
    from tools.fuzz.readers import READERS

    serve(READERS, Path(sys.argv[1]), Path(sys.argv[2]), Limits(float(sys.argv[3]), int(sys.argv[4])))
