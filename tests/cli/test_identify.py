import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from pyspeech.cli.identify import identify
from tests.tones import write_tones


@pytest.fixture(scope="module")
def folder(tmp_path_factory, train_on_tones):
    folder = tmp_path_factory.mktemp("people")
    train_on_tones(folder, "speaker")
    for name, word in (("ann", "LOW"), ("bob", "MID"), ("zoë", "HIGH")):
        write_tones(folder / "people" / name / "1.wav", [word], seed=1)
    write_tones(folder / "who.wav", ["MID"], seed=2)
    return folder


def invoke(folder, *words):
    words = [folder / "exp", folder / "who.wav", "--enroll", folder / "people", "--device", "cpu", *words]
    return CliRunner().invoke(identify, [str(word) for word in words], catch_exceptions=False)


def test_a_line_tells_the_likest_people_and_their_cosines(folder):
    done = invoke(folder, "--top", 2)
    assert re.fullmatch(rf"{folder}/who.wav\tbob \d\.\d\d\t(ann|zoë) -?\d\.\d\d\n", done.stdout)
    assert done.exit_code == 0
    assert len(invoke(folder).stdout.split("\t")) == 4


def test_with_a_threshold_nobody_may_be_known(folder):
    assert re.match(rf"{folder}/who.wav\tbob ", invoke(folder, "--threshold", -1).stdout)
    assert re.match(rf"{folder}/who.wav\tnobody known\tbob ", invoke(folder, "--threshold", 1).stdout)


def test_lines_of_json_hold_names_and_scores(folder):
    line = json.loads(invoke(folder, "--json", "--top", 1).stdout)
    assert line["file"] == f"{folder}/who.wav"
    assert line["people"][0]["name"] == "bob"
    assert set(line) == {"file", "people"}
    line = json.loads(invoke(folder, "--json", "--threshold", 1).stdout)
    assert (line["known"], line["threshold"], len(line["people"])) == (False, 1.0, 3)


def test_a_threshold_is_a_number(folder):
    done = invoke(folder, "--threshold", "nan")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--threshold" in done.stderr


def test_what_a_terminal_would_obey_is_not_printed(folder, tmp_path):
    path = tmp_path / "a\x1b[2J\tb\nc.wav"
    path.write_bytes((folder / "who.wav").read_bytes())
    words = [folder / "exp", path, tmp_path / "n\x1bo.wav", "--enroll", folder / "people", "--device", "cpu"]
    done = CliRunner().invoke(identify, [str(word) for word in words], catch_exceptions=False)
    assert re.fullmatch(rf"{tmp_path}/aU\+001B\[2JU\+0009bU\+000Ac.wav\tbob .*\n", done.stdout)
    assert r"n\x1bo.wav" in done.stderr
    assert "\x1b" not in done.stderr


def test_two_thresholds_are_refused(folder):
    done = invoke(folder, "--threshold", 0, "--tune", folder)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--tune and --threshold say the same" in done.stderr


def test_the_program_goes_on_after_a_bad_file_and_ends_with_1(folder):
    words = ["identify", "exp", "none.wav", "who.wav", "--enroll", "people", "--device", "cpu"]
    done = subprocess.run(
        [sys.executable, "-m", "pyspeech", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert re.fullmatch(r"who.wav\tbob \S+\t.*\n", done.stdout)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "none.wav" in errors[0]
