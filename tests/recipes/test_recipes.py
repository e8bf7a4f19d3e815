"""What holds for every recipe folder; a new recipe is tested by being there."""

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pyspeech.config import load_config

PROJECT = Path(__file__).resolve().parents[2]
RECIPES = sorted(path.parent for path in (PROJECT / "recipes").glob("*/run.sh"))
HEADING = re.compile(r'if stage (\d+) "[^"]+"; then')
# Lines that any shell script or module of this form has, whatever it is about.
FORM = re.compile(
    r"""\s*(#.*|fi|graph|tokens \w+ .*|import .*|from .*|def .*|if __name__ .*|\. .*recognition\.sh"|"""
    r"""parse_options "\$@"|model=\w+ *#.*|download_archive\(URL, corpus\)|corpus_cli\(.*|"{3}|)$"""
)


def run(recipe: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYSPEECH_PYTHON": sys.executable}
    command = [str(recipe / "run.sh"), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_there_are_recipes():
    assert {"demo", "digits", "yesno"} <= {recipe.name for recipe in RECIPES}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
class TestEveryRecipe:
    def test_is_a_shell_script_that_can_be_run(self, recipe):
        subprocess.run(["bash", "-n", str(recipe / "run.sh")], check=True)
        assert os.access(recipe / "run.sh", os.X_OK)

    def test_prints_the_comment_at_its_top_as_help(self, recipe):
        done = run(recipe, "--help")
        assert done.returncode == 0
        first_comment = (recipe / "run.sh").read_text().splitlines()[1].removeprefix("# ")
        assert done.stdout.startswith(first_comment)
        assert "--stage" in done.stdout

    def test_refuses_an_unknown_option_and_writes_nothing(self, recipe):
        before = sorted(recipe.iterdir())
        done = run(recipe, "--no-such-option", "1")
        assert done.returncode == 2
        assert done.stderr.startswith("error: unknown option --no-such-option")
        assert sorted(recipe.iterdir()) == before

    def test_numbers_its_stages_upwards(self, recipe):
        numbers = [int(number) for number in HEADING.findall((recipe / "run.sh").read_text())]
        assert len(numbers) >= 6
        assert numbers == sorted(set(numbers))

    def test_has_configurations_that_load(self, recipe):
        models = [path for path in (recipe / "conf").glob("*.yaml") if (PROJECT / "conf" / path.name).exists()]
        assert models
        for path in models:
            assert load_config(path).model["name"] == path.stem

    def test_says_what_it_reached(self, recipe):
        results = (recipe / "RESULTS.md").read_text()
        assert "%WER" in results
        assert f"recipes/{recipe.name}/run.sh" in results

    def test_prepares_its_corpus_in_under_forty_lines(self, recipe):
        assert len((recipe / "prepare.py").read_text().splitlines()) < 40


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(RECIPES, 2)), ids=lambda r: r.name)
def test_two_recipes_share_no_line_beyond_their_form_and_stage_headings(first, second):
    for name in ("run.sh", "prepare.py"):
        lines = [
            {line for line in (recipe / name).read_text().splitlines() if not FORM.match(line) and "stage " not in line}
            for recipe in (first, second)
        ]
        assert not lines[0] & lines[1]
