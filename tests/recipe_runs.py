"""A recipe run in a copy of its folder, with networks small enough for a test; the project's tree is not written to."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from pyspeech.config import load_config
from pyspeech.settings import save_config

PROJECT = Path(__file__).resolve().parents[1]
LINKED = ("local", "conf", "tools", "pyspeech")  # what a recipe reads of the project it stands in
MADE = ("data", "exp", "download")  # by a run; may outlive the recipe


def project_recipes(project: Path) -> list[Path]:
    """The recipes of the project: those that git has, and not those that a user made; all where there is no git."""
    command = ["git", "-C", str(project), "ls-files", "recipes/*/run.sh"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        return sorted((project / line).parent for line in listed.stdout.splitlines())
    return sorted(path.parent for path in project.glob("recipes/*/run.sh"))


RECIPES = project_recipes(PROJECT)
HEADING = re.compile(r'^if stage (\d+) "[^"]+"; then', re.MULTILINE)
STARTED = re.compile(r"^\S+ \S+ Stage (\d+): ", re.MULTILINE)
# The figure in percent, from what counts where there are any, and its interval.
SCORE = re.compile(r"%(WER|ACC|EER) (\d+\.\d\d)( \[ \d+ / \d+.* \])?( 95%)? \[ -?\d+\.\d+, -?\d+\.\d+ \] (\S+)")
# What a recipe's own settings are replaced by; a mask of their size can hide a whole tone.
SMALL = (
    "augment.speeds=[1.0]",
    "augment.max_time_mask_frames=3",
    "augment.frequency_masks=0",
    "batches.max_seconds=6",
    "batches.buckets=2",
    "training.epochs=7",
    "training.learning_rate=0.01",
    "training.final_learning_rate=0.001",
)
SMALL_MODELS = {
    "tdnn_lstm": ("tdnn_width=32", "lstm_width=32", "lstm_layers=1", "dropout=0.1"),
    "bilstm_ctc": ("channels=4", "lstm_width=32", "lstm_layers=1", "dropout=0.1"),
    "conformer": ("width=32", "heads=2", "layers=2", "feed_forward=64", "kernel=7", "subsampling=2", "dropout=0.1"),
    "speaker_lstm": ("lstm_width=32", "lstm_layers=1", "attention_width=16", "embedding_width=32", "dropout=0"),
    "xvector": ("channels=32", "pooled_channels=48", "embedding_width=32"),
    "ecapa_tdnn": ("channels=32", "pooled_channels=48", "attention_width=16", "embedding_width=32"),
}


# A program in place of Python: prints its words; a word that stands in $FAIL, $SLEEP or $SUICIDE makes it do so. The
# shell's own helpers are run.
STUB = (
    f"""#!/usr/bin/env bash
[[ "$1 $2" != "-I -S" ]] || exec {shlex.quote(sys.executable)} "$@"
"""
    + """
if [[ ${3:-} == --code ]]; then  # of its own folder, as every command of a recipe says
  [[ $4 == "$PWD" ]] || echo "the code of $4"
  set -- "${@:1:2}" "${@:5}"
fi
echo "python $*"
for word; do
  [[ ${FAIL:-} != "$word" ]] || exit 3
  [[ ${SLEEP:-} != "$word" ]] || { echo $$ >pid; exec sleep 10000; }
  [[ ${SUICIDE:-} != "$word" ]] || kill -9 $$
done
"""
)


@dataclass(frozen=True)
class Score:
    """The last line of a recipe: what it measured (WER, ACC, EER), in percent, and of which folder."""

    measure: str
    percent: float
    folder: str

    @property
    def error_percent(self) -> float:
        """What is wrong: the figure itself, but the rest of an accuracy."""
        return 100 - self.percent if self.measure == "ACC" else self.percent


def copy_recipe(recipe: Path, project: Path, settings: tuple[str, ...] = ()) -> Path:
    """Copy ``recipe`` into ``project/recipes``, a folder that links to the project, with small networks."""
    for name in LINKED:
        if not (project / name).exists():
            (project / name).symlink_to(PROJECT / name)
    folder = project / "recipes" / recipe.name
    shutil.copytree(recipe, folder, ignore=shutil.ignore_patterns(*MADE, "__pycache__"))
    for model, sizes in SMALL_MODELS.items():
        words = (*SMALL, *(f"model.{size}" for size in sizes), *settings)
        for path in (recipe / "conf").rglob(f"{model}.yaml"):
            save_config(load_config(path, words), folder / path.relative_to(recipe))
    return folder


def write_script(path: Path, text: str) -> None:
    """Write a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def commands_of(folder: Path, *arguments: str) -> list[str]:
    """Run ``run.sh`` with a stub in place of Python; the commands of pyspeech that it calls, in their order."""
    write_script(folder.parents[1] / "stub/python", STUB)
    environment = {**os.environ, "PYSPEECH_PYTHON": str(folder.parents[1] / "stub/python")}
    command = [str(folder / "run.sh"), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = re.findall("^python -m pyspeech (.*)", done.stdout, re.MULTILINE)
    return [line for line in found if not line.startswith("config ")]


def start_recipe(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start ``run.sh`` under the Python of the tests, without any real corpora."""
    environment = {**os.environ, "PYSPEECH_PYTHON": sys.executable}
    environment.pop("PYSPEECH_CORPORA", None)
    command = [str(folder / "run.sh"), *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run_recipe(folder: Path, *arguments: str) -> tuple[str, str]:
    """Run to the end, which has to be a good one; what was printed on standard output and standard error."""
    with start_recipe(folder, *arguments) as process:
        try:
            out, err = process.communicate()
        finally:
            process.terminate()  # where the test's time is over; nothing to one that ended
    assert process.returncode == 0, err
    return out, err


def stages(run_sh: str) -> list[int]:
    """The numbers of the stages that a ``run.sh`` has, as they stand there."""
    return [int(number) for number in HEADING.findall(run_sh)]


def started(err: str) -> list[int]:
    """The numbers of the stages that ran, from what a run printed."""
    return [int(number) for number in STARTED.findall(err)]


def score_of(out: str) -> Score:
    """Read the last line of what a recipe printed."""
    line = out.strip().splitlines()[-1]
    found = SCORE.fullmatch(line)
    assert found, f"no score: {line}"
    return Score(found[1], float(found[2]), found[5])
