"""What Linux says of processes that a test starts and kills.

Nothing here has a limit of time: pytest's own (pyproject.toml) ends what never comes, and what is slow is no fault.
"""

import multiprocessing
import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def run_and_list_imports(*words: object) -> tuple[subprocess.CompletedProcess[str], set[str]]:
    """Run ``pyspeech``; how it ended, and the packages that it imported beside Python's own.

    What a command imports is nearly all that it needs to start: its time, but the same on every machine.
    """
    command = [sys.executable, "-X", "importtime", "-m", "pyspeech", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "110"})
    lines = done.stderr.splitlines(keepends=True)
    told = [line for line in lines if line.startswith("import time:")]
    done.stderr = "".join(line for line in lines if line not in told)
    names = {line.rpartition("|")[2].strip().partition(".")[0] for line in told}
    return done, names - set(sys.stdlib_module_names)


def is_alive(pid: int) -> bool:
    """Whether it runs; one that has ended, and that nobody asked for its exit status, does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):  # the latter where it ends while this reads
        return False


def children(pid: int) -> list[int]:
    """Those that its main thread has started, in order."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    """Look until it holds; an error with what ``process`` said where that ends before."""
    while not condition():
        if process is not None and process.poll() is not None:
            raise AssertionError(f"ended too early, with code {process.returncode}: {process.communicate()}")
        time.sleep(0.02)


@contextmanager
def first_child_killed() -> Iterator[None]:
    """Kill the first process that this one starts in the block, unless the block is over before."""
    before, over = set(children(os.getpid())), threading.Event()

    def kill() -> None:
        wait_until(lambda: over.is_set() or set(children(os.getpid())) > before)
        for child in set(children(os.getpid())) - before:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        over.set()
        killer.join()


def killed_within_training(
    start: Callable[[], subprocess.Popen[str]],
    condition: Callable[[], bool],
    kill: Callable[[subprocess.Popen[str]], None],
    exp: Path,
) -> subprocess.CompletedProcess[str]:
    """Start a training in ``exp``, kill it as soon as ``condition`` holds, and return how it ended.

    Where it was over before the kill came, as may happen on a busy machine, it is begun anew.
    """
    while True:
        process = start()
        wait_until(lambda process=process: condition() or process.poll() is not None)
        kill(process)
        out, err = process.communicate()
        if not (exp / "model.safetensors").exists():
            return subprocess.CompletedProcess(process.args, process.returncode, out, err)
        shutil.rmtree(exp)


_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["lhotse", "pyspeech.cli.prepare", "pyspeech.corpora.corpus"])


def run_script(script: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a script of Python's in a process of its own, one that has imported lhotse already: that takes seconds."""
    with tempfile.TemporaryDirectory() as folder:
        streams = Path(folder, "out"), Path(folder, "err")
        process = _FORKS.Process(target=_run_script, args=(script, arguments, cwd, streams))
        process.start()
        process.join()
        out, err = (stream.read_text() for stream in streams)
    assert process.exitcode is not None
    return subprocess.CompletedProcess([str(script), *arguments], process.exitcode, out, err)


def _run_script(script: Path, arguments: tuple[str, ...], cwd: Path, streams: tuple[Path, Path]) -> None:
    for descriptor, stream in enumerate(streams, 1):
        os.dup2(os.open(stream, os.O_WRONLY | os.O_CREAT), descriptor)
    os.chdir(cwd)
    sys.argv = [str(script), *arguments]
    sys.path.insert(0, str(script.parent))
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115 -- of Python's own
    runpy.run_path(str(script), run_name="__main__")
