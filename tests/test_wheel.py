"""The wheel in an environment that holds what it asks for and nothing else: no clone, neither torch nor lhotse."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.decodes import hypotheses, said, save_decode, save_lm, sentences, word_errors

pytestmark = pytest.mark.slow
PROJECT = Path(__file__).resolve().parents[1]
SPOKEN = said("test", sentences(20, seed=4))


def pip(*words):
    subprocess.run([sys.executable, "-m", "pip", *words], stdout=subprocess.DEVNULL, check=True)


def build(folder):
    """The wheel, of a copy: what setuptools leaves on its way does not belong into the clone."""
    for name in ("conf", "pyspeech"):
        shutil.copytree(PROJECT / name, folder / "clone" / name, symlinks=True)
    for name in ("LICENSE", "README.md", "pyproject.toml", "setup.cfg"):
        shutil.copy(PROJECT / name, folder / "clone")
    pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder, folder / "clone")
    (wheel,) = folder.glob("pyspeech_recipes-*-py3-none-any.whl")
    return wheel


def link_needed(site, requirements):
    """Link what is required, and what that requires, into ``site``, from where this test runs."""
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            found = distribution(requirement.name)
            for top in {file.parts[0] for file in found.files} - {"..", "__pycache__"}:
                if not (site / top).exists():
                    (site / top).symlink_to(found.locate_file(top))
            link_needed(site, found.requires or ())


@pytest.fixture(scope="module")
def light(tmp_path_factory):
    """The folder of a virtual environment."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    here = ("--python", folder / "venv/bin/python")
    pip(*here, "install", "--no-deps", "--no-index", build(folder))
    (metadata,) = folder.glob("venv/lib/python*/site-packages/pyspeech_recipes-*.dist-info")
    link_needed(metadata.parent, Distribution.at(metadata).requires)
    pip(*here, "check")
    return folder / "venv"


def call(light, folder, program, *words):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [light / "bin" / program, *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_it_is_the_wheel_that_runs_and_it_has_every_default(light, tmp_path):
    code = "import pyspeech, pyspeech.settings; print(pyspeech.__file__); print(pyspeech.settings.SHARED_CONF)"
    package, conf = map(Path, call(light, tmp_path, "python", "-c", code).stdout.splitlines())
    assert package.is_relative_to(light)
    assert conf.is_relative_to(light)
    assert {path.name: path.read_text() for path in conf.iterdir()} == {
        path.name: path.read_text() for path in (PROJECT / "conf").iterdir()
    }


def test_a_decode_is_rescored_and_scored(light, tmp_path):
    lm = save_lm(tmp_path / "lm", sentences(300, seed=1))
    test = save_decode(tmp_path / "test", SPOKEN, noise=1.7, seed=1000)
    done = call(light, tmp_path, "pyspeech", "rescore", test, "--lm", lm, "--out", "better")
    assert done.returncode == 0, done.stderr
    assert word_errors(tmp_path / "better", SPOKEN) < word_errors(test, SPOKEN)
    assert hypotheses(tmp_path / "better") != hypotheses(test)
    scored = call(light, tmp_path, "pyspeech", "score", "wer", tmp_path / "test.jsonl", "better")
    assert "%WER " in scored.stdout, scored.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["train", "x.yaml", "exp", "--train=a.jsonl", "--dev=b.jsonl", "--lang=lang"],
            "error: this needs the package ",
        ),
        (["new-recipe", "mine", ".", "--task=recognition", "--from=folder"], "error: this pyspeech is installed in "),
    ],
)
def test_what_it_comes_without_is_one_line(light, tmp_path, words, says):
    done = call(light, tmp_path, "pyspeech", *words)
    assert done.returncode == 1
    assert done.stderr.startswith(says)
    assert done.stderr.count("\n") == 1


def test_the_environment_is_told_without_an_installer_that_is_not_there(light, tmp_path):
    told = call(light, tmp_path, "pyspeech", "env").stdout
    assert "No module named 'torch'" in told
    assert "install.sh --lane" not in told
    assert " --force-reinstall 'torch" in told, "with the bounds of setup.cfg, which a shell needs quotes for"
