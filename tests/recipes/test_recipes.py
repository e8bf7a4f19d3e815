"""What holds for every recipe folder; a new recipe is tested by being there."""

import itertools
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml
from layouts import LAYOUTS
from recipe_runs import PROJECT, RECIPES, commands_of, copy_recipe, project_recipes, stages

from pyspeech.config import load_config
from pyspeech.decoding.config import load_decode_config
from pyspeech.settings import read_yaml

MAX_CODE_LINES = 90  # of run.sh and prepare.py; what a recipe shares with others belongs into local/ or pyspeech
MAX_SHARED_SETTINGS = 9  # lines of configuration that any two recipes may have in common
MODELS = {path.stem for path in (PROJECT / "conf").glob("*.yaml") if "model" in read_yaml(path)}
# Lines that any shell script or module of this form has, whatever it is about.
FORM = re.compile(
    r"""\s*(#.*|fi|graph|prose\b.*|tokens \w+.*|language_model \w+ .*|pyspeech lm train .*|import .*|from .*|def .*|"""
    r"""if __name__ .*|recipe_script=.*/(recognition|classification|verification)\.sh" \|\| exit|"""
    r"""parse_options "\$@"|corpus_dir=.*|"""
    r"""model=\w+ *#.*|(lexicon_file|lm_file|lm_text|noise_dir|rir_dir)=.*|"""
    r"""download_archive\(URL, corpus.*\)|corpus_cli\(.*|"{3}|)$"""
)


def run(recipe: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYSPEECH_PYTHON": sys.executable}
    command = [str(recipe / "run.sh"), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def settings(recipe: Path) -> list[Path]:
    return sorted((recipe / "conf").rglob("*.yaml"))


def lines_of_its_own(paths: Iterable[Path]) -> set[str]:
    """Lines that are not of the form; the stage's heading is, and so is what follows it on its line."""
    lines = {line for path in paths for line in path.read_text(encoding="utf-8").splitlines()}
    return {line for line in lines if not FORM.match(line) and "stage " not in line}


def assert_trains_as_asked(folder: Path) -> None:
    """The law of --processes, --exp-name, --init-dir and --set, for a recipe in a copy."""
    asked = ("--processes", "3", "--exp-name", "mine", "--set", "training.seed=9", "--set=decode.nbest=7")
    asked += ("--init-dir", "/other/exp")
    (line,) = commands_of(folder, "--stage", "4", "--stop-stage", "4", *asked)
    command, _, exp, *words = line.split()
    assert command == "train"
    assert (Path(exp).parts[0], Path(exp).name) == ("exp", "mine")
    assert "training.seed=9" in words
    assert "decode.nbest=7" not in words
    assert words[words.index("--processes") + 1] == "3"
    assert words[words.index("--init") + 1] == "/other/exp"
    searches = "recognition.sh" in (folder / "run.sh").read_text()
    for line in commands_of(folder, "--stage", "5", "--stop-stage", "5", *asked):
        assert f"{exp}/" in f"{line} ".replace(" ", "/")
        assert ("decode.nbest=7" in line) == searches
        assert "training.seed" not in line


def test_there_are_recipes():
    assert {"demo", "digits", "yesno"} <= {recipe.name for recipe in RECIPES}


def test_what_a_user_made_is_no_recipe_of_the_project(tmp_path):
    for name in ("ours", "mine"):
        (tmp_path / "recipes" / name).mkdir(parents=True)
        (tmp_path / "recipes" / name / "run.sh").write_text("")
    assert [recipe.name for recipe in project_recipes(tmp_path)] == ["mine", "ours"]
    for arguments in (["init", "-q"], ["add", "recipes/ours"]):
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True)
    assert [recipe.name for recipe in project_recipes(tmp_path)] == ["ours"]


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
        numbers = stages((recipe / "run.sh").read_text())
        assert len(numbers) >= 6
        assert numbers == sorted(set(numbers))

    def test_has_a_configuration_of_every_model_that_loads(self, recipe):
        models = [path for path in settings(recipe) if path.stem in MODELS]
        assert models
        for path in models:
            assert load_config(path).model["name"] == path.stem

    def test_has_no_settings_that_cannot_be_read_or_that_nothing_reads(self, recipe):
        included = {name for path in settings(recipe) for name in yaml.safe_load(path.read_text()).get("include", [])}
        code = (recipe / "run.sh").read_text() + (recipe / "prepare.py").read_text()
        searches = {f"{name}_decode" for name in MODELS}
        for path in settings(recipe):
            assert read_yaml(path)
            assert path.stem in MODELS | searches | included or path.name in code, f"nothing reads {path}"
            if path.stem in searches:
                assert load_decode_config(path)

    def test_trains_as_many_processes_with_settings_and_into_a_folder_that_are_asked_for(self, recipe, tmp_path):
        folder = copy_recipe(recipe, tmp_path)
        (folder / "data/mini/manifests").mkdir(parents=True)
        (folder / "data/mini/manifests/test-clean.jsonl.gz").touch()  # librispeech decodes what there is
        assert_trains_as_asked(folder)

    def test_says_what_it_reached(self, recipe):
        results = (recipe / "RESULTS.md").read_text()
        assert any(measure in results for measure in ("%WER", "%ACC", "%EER", "no figure yet"))
        assert f"recipes/{recipe.name}/run.sh" in results

    def test_prepares_its_corpus_in_under_forty_lines(self, recipe):
        assert len((recipe / "prepare.py").read_text().splitlines()) < 40

    def test_holds_little_code(self, recipe):
        lines = [line for name in ("run.sh", "prepare.py") for line in (recipe / name).read_text().splitlines()]
        assert len(lines) < MAX_CODE_LINES

    def test_has_a_small_corpus_to_run_all_its_stages_on(self, recipe):
        assert recipe.name in LAYOUTS, (
            f"recipes/{recipe.name} is tested by no small corpus: write in tests/layouts.py a function that makes one "
            f'in the same layout, and add "{recipe.name}": Layout(...) to LAYOUTS'
        )


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(RECIPES, 2)), ids=lambda r: r.name)
class TestTwoRecipes:
    def test_share_no_line_of_code_beyond_their_form_and_stage_headings(self, first, second):
        one, other = (lines_of_its_own([*recipe.glob("*.sh"), *recipe.glob("*.py")]) for recipe in (first, second))
        assert not one & other

    def test_share_few_settings(self, first, second):
        one, other = (lines_of_its_own(settings(recipe)) for recipe in (first, second))
        assert len(one & other) <= MAX_SHARED_SETTINGS
