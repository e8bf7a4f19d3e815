"""The tool that kills recipes, on one of a second: what is left alive, or ends in another score, is found."""

import random
import sys

import pytest

from tools.stress.kills import disturbed, undisturbed

RECIPE = """#!/usr/bin/env bash
# Stages that go on where they were; the score is what they wrote.
stage=0
[[ ${{1:-}} != --stage ]] || stage=$2
for number in 0 1 2; do
  ((number >= stage)) || continue
  echo "Stage $number: Work  (resume with: ./run.sh --stage $number)"
  {work}
done
echo "%WER $(cat done | wc -l) [ 1 / 2 ]"
"""
DIES = f"""{sys.executable} -c 'import ctypes, time; ctypes.CDLL(None).prctl(1, 9); time.sleep(0.2)'
  [[ -e done.$number ]] || {{ echo $number >>done; touch done.$number; }}"""
LIVES = "sleep 6 & sleep 0.1"


def recipe(folder, work):
    (folder / "run.sh").write_text(RECIPE.format(work=work))
    (folder / "run.sh").chmod(0o755)
    return folder


def test_a_recipe_that_goes_on_has_its_score_after_all_kills(tmp_path):
    (tmp_path / "alone").mkdir()
    (tmp_path / "killed").mkdir()
    score, seconds = undisturbed(recipe(tmp_path / "alone", DIES))
    assert (score, sorted(seconds)) == ("%WER 3 [ 1 / 2 ]", [0, 1, 2])
    assert disturbed(recipe(tmp_path / "killed", DIES), seconds, 4, random.Random(1)) == (score, 0)


def test_what_outlives_its_shell_is_a_fault(tmp_path):
    _, faults = disturbed(recipe(tmp_path, LIVES + "; touch done"), {0: 0.1, 1: 0.1, 2: 0.1}, 3, random.Random(3))
    assert faults > 0


def test_a_recipe_that_fails_by_itself_is_told(tmp_path):
    with pytest.raises(SystemExit, match="this fails, though nothing killed it"):
        undisturbed(recipe(tmp_path, "exit 3"))
