"""Give every reader of files damaged ones: each must read right, or refuse in one sentence, soon and in little memory.

    python -m tools.fuzz [--seconds 60] [--seed 1] [--reader NAME]...
    python -m tools.fuzz --inputs 10000 --out FOLDER
    python -m tools.fuzz --replay FOLDER/NAME

Neither may an input run a command, leave files outside its folder, or make numbers that are none. What comes out
otherwise is left in FOLDER with a traceback, and the exit code is 1.
"""

import json
import math
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

import click

from tools.fuzz.child import INPUT, Limits, Outcome
from tools.fuzz.reader import Reader
from tools.fuzz.readers import READERS
from tools.fuzz.watch import MODULE, Child, wait_for

PATH = click.Path(path_type=Path)
FAULT = "fault.json"
LIMITS = Limits()
KEPT = 2  # inputs of one fault


@dataclass
class Tally:
    """What became of the inputs of one reader."""

    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    slowest: float = 0.0
    mib: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """Count one."""
        self.counts[outcome.kind] += 1
        self.seconds += outcome.seconds
        self.slowest = max(self.slowest, outcome.seconds)
        self.mib = max(self.mib, outcome.mib)
        if outcome.kind == "other":
            self.faults[outcome.what] += 1


@dataclass(frozen=True)
class Bounds:
    """When to stop: after so many inputs, shared by the readers, or after so many seconds."""

    inputs: int | None
    seconds: float | None


@click.command(help=__doc__)
@click.option("--seed", default=1, show_default=True)
@click.option("--inputs", type=click.IntRange(min=1), help="How many in all, as many of each reader.")
@click.option("--seconds", type=click.FloatRange(min=0), help="For how long, as long for each reader; else 60.")
@click.option("--reader", "names", multiple=True, help="Only those whose names begin so; repeatable.")
@click.option("--jobs", type=click.IntRange(1, 16), default=2, show_default=True)
@click.option("--out", type=PATH, default=Path("fuzz_failures"), show_default=True, help="Folder for what went wrong.")
@click.option("--replay", type=PATH, help="Read an input of that folder once more, and show what comes of it.")
def main(
    seed: int,
    inputs: int | None,
    seconds: float | None,
    names: tuple[str, ...],
    jobs: int,
    out: Path,
    replay: Path | None,
) -> None:
    """Run the readers."""
    with tempfile.TemporaryDirectory(prefix="pyspeech-fuzz-") as temporary:
        root = Path(temporary)
        if replay is not None:
            raise SystemExit(_replay(replay, root))
        chosen = {name: each for name, each in READERS.items() if not names or name.startswith(names)}
        if not chosen:
            raise click.UsageError(f"no such reader; there are {', '.join(READERS)}")
        missing = [name for name, reader in chosen.items() if reader.missing]
        present = {name: reader for name, reader in chosen.items() if name not in missing}
        bounds = Bounds(inputs, 60.0 if inputs is None and seconds is None else seconds)
        tallies = run(present, root, seed, bounds, jobs, out)
    click.echo(table(tallies))
    for name in missing:
        click.echo(f"left out: {name}, which needs {READERS[name].needs}")
    for name, tally in tallies.items():
        for what, count in tally.faults.most_common():
            click.echo(f"{name}: {count} x {what}")
    raise SystemExit(any(tally.faults for tally in tallies.values()))


def run(
    readers: Mapping[str, Reader],
    root: Path,
    seed: int,
    bounds: Bounds,
    jobs: int,
    out: Path,
    limits: Limits = LIMITS,
    module: Sequence[str] = MODULE,
) -> dict[str, Tally]:
    """Damage inputs and read them, until ``bounds``; what goes wrong is left in ``out``."""
    samples = root / "samples"
    with ExitStack() as stack:
        children = [stack.enter_context(Child(root / f"child{n}", samples, limits, module)) for n in range(jobs)]
        _make_samples(children, readers)
        tallies = {name: Tally() for name in readers}
        for name, number, child, outcome in _outcomes(children, _Schedule(children, readers, bounds), seed):
            if number < 0:
                if outcome.kind != "right":
                    raise click.ClickException(f"{name} does not read its own sample: {outcome.what}\n{outcome.detail}")
                continue
            tallies[name].add(outcome)
            if outcome.kind == "other" and tallies[name].faults[outcome.what] <= KEPT:
                folder = out / f"{name.replace(' ', '_')}-{seed}-{number}"
                _keep(folder, child, order(name, seed, number), outcome)
    return tallies


def order(name: str, seed: int, number: int) -> dict[str, str]:
    """Say which input: equal seeds and numbers make equal ones; that of number -1 is not damaged."""
    return {"reader": name} | ({"seed": f"{seed} {name} {number}"} if number >= 0 else {})


def _make_samples(children: Sequence[Child], readers: Mapping[str, Reader]) -> None:
    waiting = sorted({reader.sample.__name__ for reader in readers.values()})
    busy: dict[Child, str] = {}
    while waiting or busy:
        for child in children:
            if child not in busy and waiting:
                busy[child] = waiting.pop()
                child.order({"sample": busy[child]})
            elif child in busy and (outcome := child.outcome()) is not None:
                if outcome.kind != "right":
                    raise click.ClickException(
                        f"the sample {busy[child]} is not made: {outcome.what}\n{outcome.detail}"
                    )
                del busy[child]
        wait_for(busy)


class _Schedule:
    """Which input is next for each child.

    Each child has readers of its own, as a reader's first input takes long: what it needs is imported then. So the
    first one, of number -1, is not damaged, and counts for nothing.
    """

    def __init__(self, children: Sequence[Child], readers: Mapping[str, Reader], bounds: Bounds) -> None:
        self._own = {child: list(readers)[place :: len(children)] for place, child in enumerate(children)}
        share, rest = divmod(bounds.inputs or 0, len(readers))
        self._quota = {
            name: math.inf if bounds.inputs is None else share + (place < rest) for place, name in enumerate(readers)
        }
        self._ends = time.monotonic() + (math.inf if bounds.seconds is None else bounds.seconds)
        self._started: Counter[str] = Counter()
        self._spent: Counter[str] = Counter()
        self._warm: dict[Child, set[str]] = {child: set() for child in children}

    def next(self, child: Child) -> tuple[str, int] | None:
        """Reader and number, or nothing where the bounds are reached."""
        if not child.is_alive:
            self._warm[child].clear()
        waiting = [name for name in self._own[child] if self._started[name] < self._quota[name]]
        if not waiting or time.monotonic() >= self._ends:
            return None
        name = min(waiting, key=lambda each: self._spent[each])
        if name not in self._warm[child]:
            self._warm[child].add(name)
            return name, -1
        self._started[name] += 1
        return name, self._started[name] - 1

    def spent(self, name: str, milliseconds: int) -> None:
        """Count what an input took."""
        self._spent[name] += milliseconds


def _outcomes(children: Sequence[Child], schedule: _Schedule, seed: int) -> Iterator[tuple[str, int, Child, Outcome]]:
    """Yield (reader, number, child, outcome) as they come, till the schedule ends."""
    busy: dict[Child, tuple[str, int, float]] = {}
    while True:
        for child in children:
            if child in busy:
                if (outcome := child.outcome()) is None:
                    continue
                name, number, begun = busy.pop(child)
                if number >= 0:
                    schedule.spent(name, round(1000 * (time.monotonic() - begun)))
                yield name, number, child, outcome
            if (chosen := schedule.next(child)) is not None:
                busy[child] = (*chosen, time.monotonic())
                child.order(order(chosen[0], seed, chosen[1]))
        if not busy:
            return
        wait_for(busy)


def table(tallies: Mapping[str, Tally]) -> str:
    """A line for each reader."""
    lines = [f"{'reader':22}{'inputs':>8}{'right':>8}{'refused':>9}{'other':>7}{'slowest':>9}{'memory':>9}"]
    total: Counter[str] = Counter()
    for name, tally in tallies.items():
        counts = tally.counts
        total += counts
        lines.append(
            f"{name:22}{counts.total():8}{counts['right']:8}{counts['refused']:9}{counts['other']:7}"
            f"{tally.slowest:7.2f} s{tally.mib:5.0f} MiB"
        )
    lines.append(f"{'all':22}{total.total():8}{total['right']:8}{total['refused']:9}{total['other']:7}")
    return "\n".join(lines)


def _keep(folder: Path, child: Child, ordered: Mapping[str, str], outcome: Outcome) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    damage = _answer(child, {**ordered, "make": str((folder / INPUT).resolve())}).damage
    (folder / FAULT).write_text(json.dumps(asdict(outcome) | dict(ordered) | {"damage": damage}, indent=1))
    where = f"  python -m tools.fuzz --replay {folder}"
    click.echo(f"{ordered['reader']}: {outcome.what}\n  {damage[:300]}\n{where}", err=True)


def _answer(child: Child, ordered: Mapping[str, str]) -> Outcome:
    child.order(ordered)
    while (outcome := child.outcome()) is None:
        wait_for([child])
    return outcome


def _replay(folder: Path, root: Path) -> int:
    fault = json.loads((folder / FAULT).read_text(encoding="utf-8"))
    reader = READERS[fault["reader"]]
    with Child(root / "child", root / "samples", LIMITS) as child:
        ordered = {"reader": fault["reader"], "folder": str((folder / INPUT).resolve())}
        if reader.prepare is not None:  # that folder would be another
            _make_samples([child], {fault["reader"]: reader})
            ordered = {"reader": fault["reader"], "seed": fault["seed"]}
        outcome = _answer(child, ordered)
    click.echo(f"{fault['reader']}: {fault['damage'][:1000]}\n{outcome.detail}{outcome.kind}: {outcome.what}")
    return int(outcome.kind == "other")


if __name__ == "__main__":
    main()
