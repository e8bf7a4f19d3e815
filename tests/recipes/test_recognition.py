"""A whole recipe that runs again, and what kill -9 costs it."""

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from recipe_runs import run_recipe, score_of, start_recipe

from tests.processes import killed_within_training

EXPERIMENT = "exp/tdnn_lstm"


@pytest.fixture(scope="module")
def yesno(finished):
    return finished("yesno")


def test_the_last_line_says_what_the_file_of_the_score_says(yesno):
    score = score_of(yesno.out)
    stored = json.loads((yesno.folder / score.folder / "score/score.json").read_text())
    assert stored["wer_percent"] == pytest.approx(score.percent, abs=0.01)


@pytest.mark.slow
def test_a_stage_that_ran_can_run_again(yesno):
    again, _ = run_recipe(yesno.folder, *yesno.arguments)
    assert score_of(again) == score_of(yesno.out)


@pytest.mark.slow
def test_a_training_killed_with_kill_9_and_resumed_ends_as_if_never_killed(yesno):
    killed = yesno.folder.with_name("killed")
    shutil.copytree(yesno.folder, killed, ignore=shutil.ignore_patterns("exp"))
    metrics = killed / EXPERIMENT / "metrics.jsonl"
    done = killed_within_training(
        lambda: start_recipe(killed, "--stage", "4", *yesno.arguments),
        lambda: metrics.exists() and len(metrics.read_text().splitlines()) >= 3,
        kill_descendants,
        killed / EXPERIMENT,
    )
    assert done.returncode == 137

    resume = done.stderr.strip().splitlines()[-1].partition("resume with: ")[2]
    assert "--stage 4" in resume
    program, *arguments = shlex.split(resume)
    assert program == str(killed / "run.sh")
    resumed, _ = run_recipe(killed, *arguments)
    assert score_of(resumed) == score_of(yesno.out)
    assert losses(killed) == losses(yesno.folder)
    same = [(each / EXPERIMENT / "model.safetensors").read_bytes() for each in (killed, yesno.folder)]
    assert same[0] == same[1]


def kill_descendants(process: subprocess.Popen[str]) -> None:
    for child in descendants(process.pid):
        with contextlib.suppress(ProcessLookupError):  # a worker that ended with its parent
            os.kill(child, signal.SIGKILL)


def losses(recipe: Path) -> list[tuple[float, float]]:
    lines = (recipe / EXPERIMENT / "metrics.jsonl").read_text().splitlines()
    return [(line["train_loss"], line["dev_loss"]) for line in map(json.loads, lines)]


def descendants(pid: int) -> list[int]:
    """Processes below ``pid``, deepest last."""
    listing = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = [tuple(map(int, line.split())) for line in listing.splitlines()]
    found = [child for child, parent in parents if parent == pid]
    return found + [deeper for child in found for deeper in descendants(child)]
