"""Every recipe, from its first stage to its last, on a corpus made in the test in that corpus's own layout."""

import os
import re
from pathlib import Path

import pytest
from layouts import LAYOUTS
from recipe_runs import PROJECT, RECIPES, score_of_all_stages

from pyspeech.transcripts import read_transcripts

CORPORA = Path(os.environ.get("PYSPEECH_CORPORA", "nowhere"))
# .ci/run runs these whole and asks more of them: the demo on the corpus that it makes itself, digits on the real one.
IN_CI = {"demo"} | ({"digits"} if (CORPORA / "free-spoken-digit-dataset").is_dir() else set())
HERE = [recipe for recipe in RECIPES if recipe.name not in {*IN_CI, "yesno"}]  # yesno: in test_recognition.py


@pytest.mark.parametrize("name", sorted(IN_CI))
def test_what_is_left_to_ci_is_run_there(name):
    assert re.search(rf"^ *recipe \d+ {name}\b", (PROJECT / ".ci/run").read_text(), re.MULTILINE)


@pytest.mark.parametrize("recipe", HERE, ids=lambda recipe: recipe.name)
def test_a_recipe_runs_all_its_stages_and_its_last_line_is_a_good_score(recipe, finished):
    if "recognition.sh" in (recipe / "run.sh").read_text():
        pytest.importorskip("k2", reason="needs k2, which this lane does not have")
    done = finished(recipe.name)
    score = score_of_all_stages(recipe, done.out, done.err)
    assert score.error_percent <= LAYOUTS[recipe.name].max_error_percent, done.out
    assert (done.folder / score.folder).is_dir()


@pytest.mark.parametrize("recipe", HERE, ids=lambda recipe: recipe.name)
def test_the_graph_of_a_recipe_holds_every_word_of_train(recipe, finished):
    if "recognition.sh" not in (recipe / "run.sh").read_text():
        pytest.skip("no recipe of recognition")
    pytest.importorskip("k2", reason="needs k2, which this lane does not have")
    graphs = list(finished(recipe.name).folder.rglob("data/**/graph/words.txt"))
    assert graphs
    for graph in graphs:
        transcripts = read_transcripts(graph.parents[1] / "manifests" / "train.jsonl.gz")
        assert {word for each in transcripts for word in each.text.split()} <= set(graph.read_text().split())
