"""The tool that kills recipes, on one of a second: what is left alive, or ends in another score, is found."""

import random

import pytest

from tools.stress.kills import disturbed, kill, start, undisturbed

RECIPE = """#!/usr/bin/env bash
# Stages that go on where they were; the score is what they wrote.
stage=0
[[ ${1:-} != --stage ]] || stage=$2
for number in 0 1 2; do
  ((number >= stage)) || continue
  echo "Stage $number: Work  (resume with: ./run.sh --stage $number)"
  WORK
done
echo "%WER $(ls done.* | wc -l) [ 1 / 2 ]"
"""
DIES = "sleep 0.2; touch done.$number"


def recipe(folder, work):
    (folder / "run.sh").write_text(RECIPE.replace("WORK", work))
    (folder / "run.sh").chmod(0o755)
    return folder


@pytest.mark.slow
def test_a_recipe_that_goes_on_has_its_score_after_all_kills(tmp_path):
    (tmp_path / "alone").mkdir()
    (tmp_path / "killed").mkdir()
    score, seconds = undisturbed(recipe(tmp_path / "alone", DIES))
    assert (score, sorted(seconds)) == ("%WER 3 [ 1 / 2 ]", [0, 1, 2])
    assert disturbed(recipe(tmp_path / "killed", DIES), seconds, 4, random.Random(1)) == (score, 0)


def test_what_outlives_its_shell_is_a_fault(tmp_path):
    run = start(["./run.sh"], recipe(tmp_path, "sleep 60 & sleep 60"))
    while not run.stages or len(run.descendants()) < 3:
        assert run.process.poll() is None
    assert kill(run, "shell", random.Random(1)) == "2 processes were left"
    assert run.descendants() == []


def test_a_recipe_that_fails_by_itself_is_told(tmp_path):
    with pytest.raises(SystemExit, match="this fails, though nothing killed it"):
        undisturbed(recipe(tmp_path, "exit 3"))
