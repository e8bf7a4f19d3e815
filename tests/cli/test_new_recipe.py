"""``pyspeech new-recipe`` as a user calls it, in a clone of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import layouts
import pytest
from click.testing import CliRunner

from pyspeech.cli.new_recipe import new_recipe
from pyspeech.scaffold.networks import losses_of, models_of

PROJECT = Path(__file__).resolve().parents[2]


def clone(folder, *names):
    for name in names:
        (folder / name).symlink_to(PROJECT / name)
    return folder


def call(folder, *arguments):
    command = [sys.executable, "-m", "pyspeech", "new-recipe", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    corpus = tmp_path_factory.mktemp("words")
    for word in layouts.WORDS[:2]:
        for take in range(6):
            layouts.write_speech(corpus / word / f"{take}.wav", [word], layouts.WORDS, 8000)
    return corpus


def test_it_writes_into_the_clone_that_it_runs_from_and_says_what_it_found(words, tmp_path):
    done = call(clone(tmp_path, "pyspeech", "local", "conf"), "mine", words, "--task=classification", "--from=folder")
    assert done.returncode == 0, done.stderr
    first, *_, last = done.stdout.splitlines()
    assert first == f"corpus: the folder {words.name} in {words}"
    assert last.endswith("lines; run recipes/mine/run.sh")
    files = {
        str(path.relative_to(tmp_path / "recipes")) for path in (tmp_path / "recipes").rglob("*") if path.is_file()
    }
    names = ("run.sh", "prepare.py", "conf/speaker_lstm.yaml", "RESULTS.md")
    assert files == {f"mine/{name}" for name in names}


def test_an_installed_package_has_no_recipes(words, tmp_path):
    done = call(clone(tmp_path, "pyspeech"), "mine", words, "--task=classification", "--from=folder")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: this pyspeech is installed in {tmp_path}, without recipes; clone")
    assert len(done.stderr.splitlines()) == 1


def test_a_question_is_one_line(words, tmp_path):
    folder = clone(tmp_path, "pyspeech", "local", "conf")
    done = call(folder, "mine", words / "none.csv", "--task=recognition", "--from=csv")
    assert done.returncode == 1
    assert done.stderr == f"error: no corpus at {words / 'none.csv'}; check the path, or run the stage that makes it\n"


@pytest.mark.parametrize("task", ["recognition", "classification", "verification"])
def test_the_help_names_every_network_and_loss_of_the_registries(task):
    told = CliRunner().invoke(new_recipe, ["--help"]).output
    assert {*models_of(task), *losses_of(task)} <= set(re.findall(r"\w+", told))


def test_columns_and_their_unit_are_options(words, tmp_path):
    folder = clone(tmp_path, "pyspeech", "local", "conf")
    rows = [f"{words}/{layouts.WORDS[n % 2]}/{n // 2}.wav,0,2080,w{n}" for n in range(12)]
    (tmp_path / "a.csv").write_text("\n".join(["file,a,b,text", *rows]) + "\n")
    options = ("--task=recognition", "--from=csv", "--start=a", "--end=b", "--times=samples")
    done = call(folder, "mine", tmp_path / "a.csv", *options)
    assert done.returncode == 0, done.stderr
    assert "segments: from {a} to {b}, in samples" in done.stdout.splitlines()
    assert 'start="{a}", end="{b}", times="samples"' in (tmp_path / "recipes/mine/prepare.py").read_text()
