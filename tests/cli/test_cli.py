import importlib
import os
import re
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from pyspeech.cli import COMMANDS, HEADINGS, cli
from tests.processes import run_and_list_imports

HEAVY = {"numpy", "torch", "lhotse", "k2", "scipy", "matplotlib", "pydantic", "yaml", "soundfile"}


def run(*words):
    command = [sys.executable, "-m", "pyspeech", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "110"})


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"]], ids=" ".join)
def test_help_answers_at_once_since_it_imports_no_more_than_it_prints_with(words):
    result, imported = run_and_list_imports(*words)
    assert result.returncode == 0, result.stderr
    assert {"click", "pyspeech"} <= imported
    assert not HEAVY & imported


def test_help_names_every_command_with_its_line():
    shown = " ".join(run("--help").stdout.split())
    for name, (_, _, line) in COMMANDS.items():
        assert f"{name} {line}" in shown


def test_help_shows_commands_in_groups_whose_lines_begin_in_one_column():
    shown = run("--help").stdout
    parts = re.split(r"^(\S.*):$", shown[shown.index("\nData:\n") :], flags=re.MULTILINE)[1:]
    groups = dict(zip(parts[::2], parts[1::2], strict=True))
    assert list(groups) == list(HEADINGS.values())
    assert [rows.split()[0] for rows in groups.values()] == list(HEADINGS)
    columns = {line.index(text) for line in shown.splitlines() for _, _, text in COMMANDS.values() if text in line}
    assert len(columns) == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_where_the_table_says_and_explains_itself(name):
    module, attribute, _ = COMMANDS[name]
    command = getattr(importlib.import_module(module), attribute)
    assert isinstance(command, click.Command)
    assert command.name == name
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_an_unknown_command_is_refused_with_the_nearest_name():
    result = run("decod")
    assert result.returncode == 2
    assert "no command 'decod'; did you mean 'decode'?" in result.stderr


def test_an_unknown_option_is_refused_by_name():
    result = run("env", "--jsn")
    assert result.returncode == 2
    assert "--jsn" in result.stderr


def test_a_package_that_is_not_installed_is_one_line_without_a_traceback():
    program = "import sys; sys.modules['lhotse'] = None; from pyspeech.cli import main; main()"
    words = ["features", "in.jsonl.gz", "out", "--config", "conf.yaml"]
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "error: this needs the package lhotse, which is not installed; see: pyspeech env\n"


WATCH = """
import os, sys

class Watch:
    def find_spec(self, name, *_):
        if name == "numpy":
            print("OMP_NUM_THREADS" in os.environ)

sys.meta_path.insert(0, Watch())
from pyspeech.cli import main
main()
"""


def test_threads_are_chosen_before_numpy_is_imported_whose_blas_reads_them_once():
    command = [sys.executable, "-c", WATCH, "features", "/no/in.jsonl.gz", "out", "--config", "/no/conf.yaml"]
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.stdout.splitlines()[0] == "True"


def test_a_fault_of_the_user_is_one_line_without_a_traceback():
    result = run("score", "wer", "/no/such/manifest.jsonl.gz", "/no/such/decode")
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert "/no/such/" in result.stderr
