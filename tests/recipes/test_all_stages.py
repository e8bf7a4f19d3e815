"""Every recipe, from its first stage to its last, on a corpus made in the test in that corpus's own layout."""

import pytest
from layouts import LAYOUTS
from recipe_runs import RECIPES, score_of, stages, started

from pyspeech.transcripts import read_transcripts

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_a_recipe_runs_all_its_stages_and_its_last_line_is_a_good_score(recipe, finished):
    run_sh = (recipe / "run.sh").read_text()
    done = finished(recipe.name)
    assert started(done.err) == stages(run_sh)
    score = score_of(done.out)
    assert score.error_percent <= LAYOUTS[recipe.name].max_error_percent, done.out
    assert (done.folder / score.folder).is_dir()


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_the_graph_of_a_recipe_holds_every_word_of_train(recipe, finished):
    if "recognition.sh" not in (recipe / "run.sh").read_text():
        pytest.skip("no recipe of recognition")
    pytest.importorskip("k2", reason="needs k2, which this lane does not have")
    graphs = list(finished(recipe.name).folder.rglob("data/**/graph/words.txt"))
    assert graphs
    for graph in graphs:
        transcripts = read_transcripts(graph.parents[1] / "manifests" / "train.jsonl.gz")
        assert {word for each in transcripts for word in each.text.split()} <= set(graph.read_text().split())
