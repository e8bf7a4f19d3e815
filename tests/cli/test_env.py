import configparser
import importlib.metadata
import json
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from pyspeech import environment
from pyspeech.cli.env import env
from pyspeech.environment import CHECKS, DISTRIBUTIONS, examine_one, mend_command

PROJECT = Path(__file__).resolve().parents[2]
NAMES = ["python", "torch", "cuda", "torchaudio", "lhotse", "k2", "kenlm", "lmplz", "sentencepiece", "espeak"]


def test_everything_the_toolkit_uses_is_tried():
    assert list(CHECKS) == NAMES


@pytest.mark.parametrize("name", [*DISTRIBUTIONS, "python"])
def test_what_works_shows_its_version_and_nothing_to_mend(name):
    if name == "k2":
        pytest.importorskip("k2", reason="needs k2, which this lane does not have")
    found = examine_one(name)
    assert found.works, found.problem
    assert (found.problem, found.mend) == ("", "")
    version = platform.python_version() if name == "python" else importlib.metadata.version(DISTRIBUTIONS[name])
    assert found.version.partition("+")[0] == version.partition("+")[0]


def test_a_package_that_is_absent_is_mended_by_installing_its_pinned_version(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    found = examine_one("sentencepiece")
    assert not found.works
    assert "sentencepiece" in found.problem
    pinned = f"sentencepiece=={importlib.metadata.version('sentencepiece')}"
    assert found.mend.startswith(sys.executable)
    assert found.mend.endswith(pinned)


def test_a_wrong_result_counts_as_not_working(monkeypatch):
    monkeypatch.setattr("sentencepiece.SentencePieceProcessor.decode", lambda *_: "no")
    found = examine_one("sentencepiece")
    assert not found.works
    assert "gave no, not yes" in found.problem
    assert found.version == importlib.metadata.version("sentencepiece")


def test_a_missing_lmplz_is_mended_by_the_installer(monkeypatch, tmp_path):
    monkeypatch.setattr("pyspeech.lm.ngram.PROJECT", tmp_path)
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("PYSPEECH_KENLM_BIN", raising=False)
    found = examine_one("lmplz")
    assert not found.works
    assert found.version == ""
    lane = "pypi" if sys.version_info[:2] == environment.K2_PYTHON else "modern"
    assert found.mend.endswith(f"tools/install.sh --lane {lane}")


def test_an_lmplz_that_cannot_run_does_not_pass_for_a_working_one(monkeypatch, tmp_path):
    (tmp_path / "lmplz").write_text(
        "#!/bin/sh\necho 'libboost_thread.so: cannot open shared object file' >&2\nexit 127\n"
    )
    (tmp_path / "lmplz").chmod(0o755)
    monkeypatch.setenv("PYSPEECH_KENLM_BIN", str(tmp_path))
    found = examine_one("lmplz")
    assert not found.works
    assert "libboost_thread.so" in found.problem


def test_without_a_gpu_there_is_nothing_to_mend_and_with_one_there_is(monkeypatch):
    monkeypatch.setattr(environment, "has_nvidia_gpu", lambda: False)
    assert mend_command("cuda") == ""
    monkeypatch.setattr(environment, "has_nvidia_gpu", lambda: True)
    lane = "--lane modern" if sys.version_info[:2] == (3, 10) else "--torch auto"
    assert mend_command("cuda").endswith(f"tools/install.sh {lane}")


@pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without a GPU that works")
def test_a_gpu_that_does_not_work_is_told_with_the_reason(monkeypatch):
    monkeypatch.setattr("pyspeech.device.has_nvidia_gpu", lambda: False)
    assert "there is no GPU to use" in examine_one("cuda").problem
    monkeypatch.setattr("pyspeech.device.has_nvidia_gpu", lambda: True)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert "the device 'cuda' does not work: torch " in examine_one("cuda").problem


@pytest.fixture
def without_checkout(monkeypatch, tmp_path):
    """The package where it was installed from its wheel, as far as pip has noted that."""
    monkeypatch.setattr(environment, "REQUIREMENTS", tmp_path)
    described = configparser.ConfigParser()
    described.read(PROJECT / "setup.cfg", encoding="utf-8")
    metadata = tmp_path / "pyspeech_recipes-0.dist-info/METADATA"
    metadata.parent.mkdir()
    lines = ["Metadata-Version: 2.1", f"Name: {described['metadata']['name']}", "Version: 0"]
    lines += [f"Requires-Dist: {each}" for each in described["options"]["install_requires"].split("\n") if each]
    for extra, wanted in described["options.extras_require"].items():
        lines += [f"Requires-Dist: {each} ; extra == '{extra}'" for each in wanted.split("\n") if each]
    metadata.write_text("\n".join(lines) + "\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("torch", "torch >=1.13, <3"), ("torchaudio", "torchaudio >=0.13, <3"), ("kenlm", "kenlm >=0.2, <1")],
)
def test_without_a_checkout_pip_chooses_within_the_bounds(without_checkout, name, wanted):
    assert mend_command(name) == shlex.join([sys.executable, "-m", "pip", "install", "--force-reinstall", wanted])


def test_a_build_of_torch_is_mended_from_the_index_that_has_it(monkeypatch):
    monkeypatch.setattr(environment, "_installed_version", lambda _: "2.11.0+cpu")
    words = shlex.split(mend_command("torch"))
    assert words[5:8] == ["--no-deps", "--index-url", "https://download.pytorch.org/whl/cpu"]
    assert words[8].startswith("torch==")
    assert words[8].endswith("+cpu")


@pytest.mark.skipif(sys.version_info[:2] != (3, 10), reason="there are wheels of k2 for Python 3.10 alone")
def test_a_broken_k2_is_mended_by_the_wheel_that_the_installer_takes():
    words = shlex.split(mend_command("k2"))
    assert words[-4:-1] == ["--no-deps", "--require-hashes", "-r"]
    assert Path(words[-1]).samefile(PROJECT / "tools/requirements/k2.txt")


@pytest.mark.parametrize("name", ["cuda", "k2", "lmplz"])
def test_without_a_checkout_no_installer_is_named(name, monkeypatch, tmp_path):
    monkeypatch.setattr(environment, "INSTALLER", tmp_path / "install.sh")
    assert mend_command(name) == ""


def test_a_k2_that_cannot_be_imported_is_shown_and_the_rest_still_examined(tmp_path):
    (tmp_path / "k2.py").write_text("raise ImportError('k2 was built for another torch')\n")
    command = [sys.executable, "-m", "pyspeech", "env", "--json"]
    settings = os.environ | {"PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=settings)
    found = json.loads(result.stdout)
    assert list(found) == NAMES
    assert not found["k2"]["works"]
    assert "built for another torch" in found["k2"]["problem"]
    assert found["k2"]["mend"]
    assert found["espeak"]["works"]


def test_the_table_names_each_thing_once_with_its_mend(monkeypatch):
    def absent():
        raise ModuleNotFoundError("No module named 'kenlm'")

    monkeypatch.setattr(environment, "CHECKS", {"python": CHECKS["python"], "kenlm": absent})
    result = CliRunner().invoke(env, [])
    assert result.exit_code == 0
    lines = [line.split() for line in result.output.splitlines()]
    assert lines[1] == ["python", platform.python_version(), "yes"]
    assert lines[2][0] == "kenlm"
    assert lines[2][-1] == "no"
    assert "No module named 'kenlm'" in result.output
    assert result.output.count("mend it with: ") == 1
