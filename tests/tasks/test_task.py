"""Laws of tasks, of all that are registered."""

import dataclasses

import pytest
import torch

from pyspeech.config import load_config
from pyspeech.data.batches import inference_batches
from pyspeech.errors import UserError
from pyspeech.lang.labels import LabelTable
from pyspeech.lang.tokens import CharacterTokens
from pyspeech.tasks import TASKS, load_task
from pyspeech.tasks.counts import Counts
from pyspeech.tasks.network import new_model
from pyspeech.tasks.task import Task
from pyspeech.transcripts import read_transcripts
from tests.classifiers import SPEAKERS_YAML, YAML, labelled_manifest
from tests.experiments import YAML as WORDS_YAML
from tests.tones import PITCHES

YAMLS = {"recognition": WORDS_YAML, "classification": YAML, "verification": SPEAKERS_YAML}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tasks")
    labelled_manifest(folder / "dev.jsonl.gz", 8)
    CharacterTokens.from_words(PITCHES).save(folder / "lang")
    LabelTable("speaker", tuple(sorted(PITCHES))).save(folder / "labels")
    return folder


def made(folder, name):
    (folder / f"{name}.yaml").write_text(YAMLS[name])
    config = load_config(folder / f"{name}.yaml")
    assert config.task == name
    return config, load_task(folder / TASKS[name].table, config, folder / "dev.jsonl.gz")


@pytest.mark.parametrize("name", list(TASKS))
def test_each_is_a_task_whose_targets_are_in_its_table(folder, name):
    _, task = made(folder, name)
    assert isinstance(task, Task)
    for transcript in read_transcripts(folder / "dev.jsonl.gz"):
        assert task.target(transcript) == task.dev_target(transcript) != ""
    assert all(isinstance(text, str) for text in task.summaries(folder / "dev.jsonl.gz").values())


@pytest.mark.parametrize("name", list(TASKS))
def test_a_batch_counts_as_much_as_its_halves(folder, name):
    config, task = made(folder, name)
    torch.manual_seed(0)
    model = new_model(config, task.num_outputs, task.output_per).eval()
    batches = [list(inference_batches(folder / "dev.jsonl.gz", config.features, seconds)) for seconds in (1000, 1)]
    assert len(batches[0]) == 1 < len(batches[1])
    whole, parts = ([task.loss(model, batch, 0.5)[1] for batch in each] for each in batches)
    total = sum(parts, Counts())
    assert dataclasses.replace(whole[0], loss=0.0) == dataclasses.replace(total, loss=0.0)
    assert whole[0].loss == pytest.approx(total.loss, rel=1e-4)
    figures = task.evaluate(model, batches[1])
    assert figures.mean_loss >= 0
    assert figures.error_rate >= 0


def test_the_nearest_task_is_named(folder):
    config, _ = made(folder, "classification")
    with pytest.raises(UserError, match="task = 'clasification' is not a task; did you mean 'classification'"):
        load_task(folder / "labels", config.model_copy(update={"task": "clasification"}), folder / "dev.jsonl.gz")
