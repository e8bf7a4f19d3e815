"""Recipe voxceleb: what its first stages say of a corpus that is not there or not whole, and the second corpus."""

import shutil

import layouts
import pytest
from recipe_runs import PROJECT, copy_recipe, run_recipe, start_recipe

from pyspeech.data.manifests import read_manifest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    project = tmp_path_factory.mktemp("project")
    layouts.voxceleb1(project / "corpus", train=22, test=2, takes=2)
    return copy_recipe(PROJECT / "recipes" / "voxceleb", project)


def refused(recipe, *arguments):
    with start_recipe(recipe, *arguments) as process:
        _, err = process.communicate()
    assert process.returncode == 1
    return next(line for line in err.splitlines() if line.startswith("error: "))


def test_without_the_corpus_stage_0_says_what_to_fetch_and_where(recipe):
    line = refused(recipe, "--stop-stage", "0")
    assert line.startswith("error: download/voxceleb1 holds no wav/<speaker>/<session>/<n>.wav; ask its makers")
    assert "vox1_meta.csv and veri_test.txt" in line


def test_a_trial_of_a_file_that_is_not_there_ends_stage_1(recipe):
    corpus = recipe.parents[1] / "corpus"
    lines = (corpus / "veri_test.txt").read_text().splitlines(keepends=True)
    (corpus / "other.txt").write_text(lines[0] + "0 id1/x/1.wav id2/x/1.wav\n")
    arguments = ("--corpus-dir", str(corpus), "--trials-file", str(corpus / "other.txt"), "--stop-stage", "1")
    line = refused(recipe, *arguments)
    assert "other.txt, line 2: data/manifests/test.jsonl.gz has no utterance 'id1/x/1.wav'" in line
    assert "so it is with 2 utterances of the list" in line


def test_the_official_list_is_taken_as_it_is_and_voxceleb2_trains_in_folders_of_its_own(recipe):
    corpus = recipe.parents[1] / "corpus"
    shutil.copytree(corpus / "wav" / "id10001", corpus / "more" / "dev" / "aac" / "id00012")
    folders = ("--corpus-dir", str(corpus), "--voxceleb2-dir", str(corpus / "more"))
    run_recipe(recipe, *folders, "--stop-stage", "1")
    data = recipe / "data" / "voxceleb2"
    assert (data / "trials" / "test.txt").read_text() == (corpus / "veri_test.txt").read_text()
    speakers = {cut.supervisions[0].speaker for cut in read_manifest(data / "manifests" / "train.jsonl.gz")}
    assert "id00012" in speakers
    assert len(speakers) == 22 - 7 + 1
