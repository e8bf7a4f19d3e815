"""Run a recipe to its score while it is killed again and again, and compare the score with that of an undisturbed run.

    python tools/stress/kills.py recipes/yesno --kills 15 --seed 1

Each kill is of the recipe's shell alone, of one process below it, or of all of them, at a random moment of a stage; the
stages take turns. Then nothing of the run may be alive two seconds later, and the command that the run printed goes on
from there. The folders data, exp and download of the recipe are removed before; the corpus is found by
PYSPEECH_CORPORA.
"""

import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import click

MARK = "PYSPEECH_STRESS"  # variable that tells the processes of a run
MADE = ("data", "exp", "download")
GRACE_SECONDS = 2.0  # after which nothing may be left
STAGE = re.compile(r"Stage (\d+): .*\(resume with: (.*)\)$")
SCORE = re.compile(r"^%(WER|ACC|EER) .*")


@dataclass
class Run:
    """One start of a recipe: what it printed, and when each of its stages began."""

    process: subprocess.Popen[str]
    mark: str
    stages: dict[int, float] = field(default_factory=dict)
    resume: str = ""
    lines: list[str] = field(default_factory=list)
    begun: threading.Condition = field(default_factory=threading.Condition)
    reader: threading.Thread = field(init=False)

    def descendants(self) -> list[int]:
        """Return the processes of this run, its shell included, that are alive."""
        return [pid for pid, environment in _environments() if f"{MARK}={self.mark}".encode() in environment]


def start(command: Sequence[str], folder: Path) -> Run:
    """Start a recipe and follow what it prints."""
    mark = uuid.uuid4().hex
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | {MARK: mark},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    run = Run(process, mark)
    run.reader = threading.Thread(target=_follow, args=(run,), daemon=True)
    run.reader.start()
    return run


def undisturbed(folder: Path) -> tuple[str, dict[int, float]]:
    """Run a recipe from nothing; return its score and the seconds that each stage takes."""
    run = start(["./run.sh"], folder)
    _refuse_failure(run, ["./run.sh"])
    begins = [*sorted(run.stages.items()), (99, time.monotonic())]
    return score_of(run), {stage: begins[place + 1][1] - begin for place, (stage, begin) in enumerate(begins[:-1])}


def score_of(run: Run) -> str:
    """Return the last score that a run printed."""
    scores = [line.strip() for line in run.lines if SCORE.match(line)]
    return scores[-1] if scores else "no score"


def kill(run: Run, whom: str, chance: random.Random) -> str:
    """Kill the shell, one process below it or all; return what is wrong two seconds later, if anything is."""
    shell = run.process.pid
    others = [pid for pid in run.descendants() if pid != shell]
    victims = {"shell": [shell], "all": [shell, *others], "one": [chance.choice(others)] if others else [shell]}[whom]
    for pid in victims:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    time.sleep(GRACE_SECONDS)
    goes_on = run.process.poll() is None  # it can do without the one
    alive = run.descendants()
    for pid in alive:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    run.process.wait()
    run.reader.join()
    return f"{len(alive)} processes were left" if alive and not goes_on else ""


def disturbed(folder: Path, seconds: dict[int, float], kills: int, chance: random.Random) -> tuple[str, int]:
    """Run a recipe from nothing with so many kills; return its score and the number of faults, which are printed."""
    waiting = sorted(list(seconds)[number % len(seconds)] for number in range(kills))
    command, faults, share = ["./run.sh"], 0, 1.0
    for number, wanted in enumerate(waiting, 1):
        while True:
            run = start(command, folder)
            _wait_for(run, wanted)
            time.sleep(chance.uniform(0.0, share * seconds[wanted]))
            if run.process.poll() is None:
                break
            _refuse_failure(run, command)
            command, share = ["./run.sh", "--stage", str(wanted)], share / 2  # it was over before; sooner, then
        whom = chance.choice(["shell", "one", "all"])
        fault = kill(run, whom, chance)
        faults += bool(fault)
        click.echo(f"kill {number}: {whom}, in stage {max(run.stages)}, {fault or 'nothing is left'}", err=True)
        command, share = shlex.split(run.resume), 1.0
    run = start(command, folder)
    _refuse_failure(run, command)
    return score_of(run), faults


def _wait_for(run: Run, stage: int) -> None:
    """Wait until a run is at a stage, or past it, or has ended."""
    with run.begun:
        while max(run.stages, default=-1) < stage and run.process.poll() is None:
            run.begun.wait(0.1)


def _refuse_failure(run: Run, command: Sequence[str]) -> None:
    run.process.wait()
    run.reader.join()  # until the last line
    if run.process.returncode:
        sys.exit("".join(run.lines[-20:]) + f"this fails, though nothing killed it: {shlex.join(command)}")


def _follow(run: Run) -> None:
    assert run.process.stdout is not None
    with run.process.stdout as lines:
        for line in lines:
            run.lines.append(line)
            if found := STAGE.search(line):
                with run.begun:
                    run.stages[int(found[1])] = time.monotonic()
                    run.resume = found[2]
                    run.begun.notify_all()


def _environments() -> Iterator[tuple[int, bytes]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            yield int(folder.name), (folder / "environ").read_bytes()
        except OSError:  # it has ended
            continue


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--kills", type=click.IntRange(min=1), default=15, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
def main(recipe: Path, kills: int, seed: int) -> None:
    """Kill the run of RECIPE again and again, and compare its score with that of a run that is left alone."""
    chance = random.Random(seed)  # noqa: S311 -- moments, no secrets
    wanted, seconds = undisturbed(_emptied(recipe))
    click.echo(f"undisturbed: {wanted}; seconds of stages: { {n: round(s, 1) for n, s in seconds.items()} }", err=True)
    score, faults = disturbed(_emptied(recipe), seconds, kills, chance)
    click.echo(f"{recipe.name}: {kills} kills, {faults} left processes, {score}, undisturbed {wanted}")
    sys.exit(faults > 0 or score != wanted)


def _emptied(recipe: Path) -> Path:
    for name in MADE:
        shutil.rmtree(recipe / name, ignore_errors=True)
    return recipe


if __name__ == "__main__":
    main()
