"""What pip does, told in a line now and then: packages of how many, seconds, and about how many are left.

    pip install --progress-bar off -r FILE | python tools/install_progress.py FILE [SECONDS BETWEEN LINES]

tools/install.sh runs it by the Python that packages are installed for; it imports nothing that is not Python's own.
"""

import queue
import re
import sys
import sysconfig
import threading
import time
from collections.abc import Sequence
from pathlib import Path

# As installed, about the same in all lanes: what takes the time, whatever the network and the disk.
MEGABYTES = {
    "torch": 1500,
    "nvidia-cudnn": 700,
    "triton": 670,
    "nvidia-cublas": 540,
    "nvidia-cufft": 290,
    "nvidia-cusolver": 240,
    "nvidia-cusparselt": 230,
    "nvidia-nccl": 220,
    "k2": 180,
    "nvidia-cusparse": 160,
    "nvidia-cuda-nvrtc": 140,
    "nvidia-curand": 130,
    "scipy": 120,
    "nvidia-nvjitlink": 100,
    "nvidia-nvshmem": 80,
    "numpy": 60,
    "mypy": 50,
    "nvidia-cuda-cupti": 45,
}
SMALL_MEGABYTES = 15  # of all others, which take their time by their number
LEAST_SHARE = 0.03  # of all megabytes: of less, an estimate would be a guess
# A file that is read for what it says of a package, .whl.metadata, is not the package.
FETCHED = (
    r"\s*(?:Requirement already satisfied: ([\w.-]+)"
    r"|(?:Downloading|Using cached|Processing) (?:.*?/)?([\w.-]+?)-\d[^/ ]*\.(?:whl|tar\.gz|zip)(?: |$))"
)


class Meter:
    """How far an installation is: a stage of fetching packages, then one of unpacking them.

    Args:
        expected: Names of packages, as often as pip will meet them.
        now: Seconds on any clock.
    """

    def __init__(self, expected: Sequence[str], now: float) -> None:
        self.began = now
        self.compiling = ""
        self._begin("fetched", expected, now)

    def read(self, line: str, now: float) -> None:
        """Heed a line of pip's."""
        if found := re.match(r"Ignoring ([\w.-]+): markers", line):
            self._leave_out(known_as(found[1]))
        elif found := re.match(FETCHED, line):
            self._fetching(known_as(found[1] or found[2]), now)
        elif found := re.match(r"Building wheel for ([\w.-]+) .*started", line.strip()):
            self.compiling = found[1]
        elif line.startswith("Installing collected packages: "):
            self._begin("unpacked", line.partition(": ")[2].split(", "), now)

    def unpacked(self, names: Sequence[str], now: float) -> None:
        """Heed which packages are there."""
        if self.verb == "unpacked":
            for name in map(known_as, names):
                if name in self.left:
                    self._finish(name, now)

    def line(self, now: float) -> str:
        """Return what to tell."""
        if self.compiling:
            return f"all packages fetched, {now - self.began:.0f} s (now compiling {self.compiling})"
        total = len(self.done) + len(self.left)
        told = f"{len(self.done)} of {total} packages {self.verb}, {now - self.began:.0f} s"
        seconds = self.seconds_left(now)
        told += "" if seconds is None else f", about {seconds:.0f} s left"
        return f"{told} (now {self.current})" if self.current else told

    def seconds_left(self, now: float) -> float | None:
        """Of this stage, at the speed until its last package was done; None where little is."""
        done, left = _megabytes(self.done), _megabytes(self.left)
        if done < LEAST_SHARE * (done + left) or self.last <= self.stage_began:
            return None
        speed = done / (self.last - self.stage_began)
        return max(left / speed - (now - self.last), _megabytes(self.left[1:]) / speed, 1.0)

    def _begin(self, verb: str, names: Sequence[str], now: float) -> None:
        self.verb = verb
        self.current = self.compiling = ""
        self.left = [known_as(name) for name in names]
        self.done: list[str] = []
        self.stage_began = self.last = now

    def _fetching(self, name: str, now: float) -> None:
        if self.current:
            self._finish(self.current, now)
        if name not in self.left:  # what others need
            self.left.append(name)
        self.current = name

    def _leave_out(self, name: str) -> None:
        if name in self.left:
            self.left.remove(name)

    def _finish(self, name: str, now: float) -> None:
        self.left.remove(name)
        self.done.append(name)
        self.last = now


def known_as(name: str) -> str:
    """Return the one way to write the name of a package, without the release of CUDA that it is for."""
    return re.sub(r"-cu\d+$", "", re.sub(r"[-_.]+", "-", name.strip()).lower())


def expected(requirements: str) -> list[str]:
    """Return the names that stand in a file of requirements."""
    return re.findall(r"^([A-Za-z0-9][\w.-]*)", requirements, re.MULTILINE)


def main(path: str, seconds_between: str = "10") -> None:
    """Read pip's lines from standard input until they end."""
    began, started = time.monotonic(), time.time()
    meter = Meter(expected(Path(path).read_text(encoding="utf-8")), began)
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_read, args=(lines,), daemon=True).start()
    between = float(seconds_between)
    told = began
    while True:
        try:
            line = lines.get(timeout=max(told + between - time.monotonic(), 0.01))
        except queue.Empty:
            line = ""
        if line is None:
            return
        now = time.monotonic()
        meter.read(line, now)
        if now - told >= between:
            told = now
            meter.unpacked(_installed_since(started), now)
            sys.stderr.write(f"install: {meter.line(now)}\n")
            sys.stderr.flush()


def _read(lines: "queue.Queue[str | None]") -> None:
    for line in sys.stdin:
        lines.put(line)
    lines.put(None)


def _installed_since(started: float) -> list[str]:
    site = Path(sysconfig.get_path("purelib"))
    return [path.name.split("-")[0] for path in site.glob("*.dist-info") if path.stat().st_mtime >= started]


def _megabytes(names: Sequence[str]) -> float:
    return float(sum(MEGABYTES.get(name, SMALL_MEGABYTES) for name in names))


if __name__ == "__main__":
    main(*sys.argv[1:])
