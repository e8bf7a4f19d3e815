import json
import sys

import pytest
from click.testing import CliRunner

from pyspeech.cli import cli
from tests.trial_lists import simulated, write_verification_folder

pytest.importorskip("scipy", reason="needs scipy, which this lane does not have")


def run(*words):
    return CliRunner().invoke(cli, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture
def folders(tmp_path):
    scores, targets, pairs = simulated(0, 8)
    dev = [(f"dev-{left}", f"dev-{right}") for left, right in pairs]
    write_verification_folder(tmp_path / "dev", scores, targets, dev)
    write_verification_folder(tmp_path / "test", *simulated(1, 5))
    return tmp_path


def test_a_calibrated_verification_has_all_figures(folders):
    done = run("calibrate", folders / "test", "--tune", folders / "dev", "--out", folders / "out")
    assert done.exit_code == 0
    assert done.stdout.startswith(f"{folders / 'out'}: ")
    assert " * score + " in done.stdout
    scored = run("score", "verification", folders / "out")
    assert scored.stdout.splitlines()[-1].startswith("%EER ")
    values = json.loads((folders / "out/score/score.json").read_text())
    assert 0 < values["min Cllr"]["value"] <= values["Cllr"]["value"] < 1


@pytest.mark.parametrize("p_target", ["0", "1", "2", "nan"])
def test_a_probability_lies_between_0_and_1(folders, p_target):
    words = ("calibrate", folders / "test", "--tune", folders / "dev", "--out", folders / "out")
    done = run(*words, "--p-target", p_target)
    assert done.exit_code == 2
    assert "--p-target" in done.stderr


def test_a_picture_that_is_left_out_is_said_on_standard_error(folders, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = run("score", "verification", folders / "test")
    assert done.exit_code == 0
    assert done.stderr == (
        "warning: no picture: det.png needs the package matplotlib, which is not installed; "
        "run: pip install 'pyspeech-recipes[plot]'\n"
    )
    assert (folders / "test/score/score.json").exists()
