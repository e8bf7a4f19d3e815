"""``.ci/run`` and ``tests/run.sh``, with stubs in place of what they call."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SUITE = """#!/usr/bin/env bash
echo "corpora: ${PYSPEECH_CORPORA:-none}"
echo "3 passed in 0.1s (${2})"
[[ ${FAIL_SUITE:-} != "$2" ]]
"""
RECIPE = """#!/usr/bin/env bash
echo "$0 $*" >>"$NOTES"
[[ ! -t 0 ]] && [[ -z $(cat) ]] || exit 9
echo "%WER ${WER} [ 1 / 100, 0 ins, 0 del, 1 sub ] 95% [ 0.0, 2.0 ] exp/decode"
"""
TOOL = """#!/usr/bin/env bash
echo "${0##*/} $*" >>"$NOTES"
[[ ${FAIL:-} != "${0##*/}" ]]
"""


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


class Checkout:
    def __init__(self, folder):
        self.root = folder / "main"
        self.corpora = folder / "shared" / "corpora"
        self.notes = folder / "notes"
        self.notes.touch()

    def run(self, script, *words, **environment):
        inherited = {key: value for key, value in os.environ.items() if key != "PYSPEECH_CORPORA"}
        return subprocess.run(
            [self.root / script, *words],
            env=inherited | {"NOTES": str(self.notes)} | environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def ci(tmp_path):
    checkout = Checkout(tmp_path)
    (checkout.root / ".ci").mkdir(parents=True)
    shutil.copy(PROJECT / ".ci/run", checkout.root / ".ci/run")
    write(checkout.root / "tests/run.sh", SUITE)
    write(checkout.root / ".venv/bin/python", TOOL)
    for name in ("demo", "yesno", "digits"):
        write(checkout.root / f"recipes/{name}/run.sh", RECIPE)
    for name in ("waves_yesno", "free-spoken-digit-dataset"):
        (checkout.corpora / name).mkdir(parents=True)
    return checkout


@pytest.fixture
def suite(tmp_path):
    checkout = Checkout(tmp_path)
    (checkout.root / "tests").mkdir(parents=True)
    shutil.copy(PROJECT / "tests/run.sh", checkout.root / "tests/run.sh")
    write(checkout.root / "tools/install.sh", TOOL)
    for lane in (".venv", ".venv-modern"):
        write(checkout.root / lane / "bin/python", TOOL + 'echo "3 passed in 0.1s"\n[[ ${FAIL:-} != python ]]\n')
        for name in ("ruff", "mypy", "shellcheck"):
            write(checkout.root / lane / f"bin/{name}", TOOL)
    return checkout


def test_ci_runs_both_lanes_and_all_recipes_and_ends_with_the_closing_lines(ci):
    result = ci.run(".ci/run", WER="0.00")
    assert result.returncode == 0, result.stdout
    assert result.stdout.splitlines()[-4:] == [
        "pypi: 3 passed in 0.1s (pypi)",
        "modern: 3 passed in 0.1s (modern)",
        "pypi -m slow: 3 passed in 0.1s (pypi)",
        "modern -m slow: 3 passed in 0.1s (modern)",
    ]
    assert result.stdout.count(f"corpora: {ci.corpora}") == 4
    ran = ci.notes.read_text().splitlines()
    assert ran == [
        "python -m tools.fuzz --seconds 60 --seed 1",
        "recipes/demo/run.sh ",
        "recipes/yesno/run.sh ",
        "recipes/digits/run.sh --model bilstm_ctc",
    ]


@pytest.mark.parametrize(
    ("wer", "failing"),
    [("2.50", ["demo"]), ("5.50", ["demo", "yesno"]), ("6.50", ["demo", "yesno", "digits"])],
)
def test_ci_fails_where_a_recipe_misses_its_bound(ci, wer, failing):
    result = ci.run(".ci/run", WER=wer)
    assert result.returncode == 1
    failed = [line for line in result.stdout.splitlines() if line.startswith("FAILED")]
    assert [line.split()[1] for line in failed] == [f"recipes/{name}:" for name in failing]


def test_ci_fails_where_a_recipe_prints_no_score(ci):
    write(ci.root / "recipes/demo/run.sh", "#!/usr/bin/env bash\necho done\n")
    result = ci.run(".ci/run", WER="0.00")
    assert result.returncode == 1
    assert "recipes/demo: WER missing, allowed 2" in result.stdout


def test_ci_fails_with_a_failing_lane_and_still_runs_the_rest(ci):
    result = ci.run(".ci/run", WER="0.00", FAIL_SUITE="pypi")
    assert result.returncode == 1
    assert "recipes/digits/run.sh --model bilstm_ctc" in ci.notes.read_text()


def test_ci_fails_where_a_damaged_file_is_read_wrong_and_still_runs_the_rest(ci):
    result = ci.run(".ci/run", WER="0.00", FAIL="python")
    assert result.returncode == 1
    assert "recipes/digits/run.sh --model bilstm_ctc" in ci.notes.read_text()


def test_ci_without_corpora_runs_the_demo_and_says_what_it_left_out(ci):
    shutil.rmtree(ci.corpora)
    result = ci.run(".ci/run", WER="0.00")
    assert result.returncode == 0
    assert ci.notes.read_text().splitlines()[1:] == ["recipes/demo/run.sh "]
    assert result.stdout.count("skipped") == 2


def test_the_suite_checks_the_sources_in_the_first_lane_only(suite):
    suite.run("tests/run.sh", "-k", "one thing")
    first = suite.notes.read_text().splitlines()
    assert [line.split()[0] for line in first] == ["install.sh", "ruff", "ruff", "mypy", "shellcheck", "python"]
    assert first[-1] == "python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -k one thing"
    suite.notes.write_text("")
    suite.run("tests/run.sh", "--lane", "modern")
    assert suite.notes.read_text().splitlines() == [
        "install.sh --lane modern",
        "python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m not slow",
    ]


@pytest.mark.parametrize("program", ["ruff", "mypy", "shellcheck", "python"])
def test_the_suite_fails_with_any_part_and_always_ends_with_the_line_of_pytest(suite, program):
    result = suite.run("tests/run.sh", FAIL=program)
    assert result.returncode == 1
    assert result.stdout.splitlines()[-1] == "3 passed in 0.1s"
    assert (f"failed: {program}" in result.stderr) == (program != "python")


def test_no_test_runs_in_an_environment_that_could_not_be_installed(suite):
    assert suite.run("tests/run.sh", FAIL="install.sh").returncode == 1
    assert "pytest" not in suite.notes.read_text()


def test_a_lane_without_tests_is_refused_and_help_is_the_comment_at_the_top(suite):
    refused = suite.run("tests/run.sh", "--lane", "wheels")
    assert refused.returncode == 1
    assert "no lane 'wheels' to test; allowed: pypi, modern" in refused.stderr
    assert "--lane pypi|modern" in suite.run("tests/run.sh", "--help").stdout
