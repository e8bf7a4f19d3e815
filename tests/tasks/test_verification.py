import itertools
import json

import pytest
import torch

from pyspeech.config import load_config
from pyspeech.data.batch import Batch
from pyspeech.errors import UserError
from pyspeech.lang.labels import LabelTable
from pyspeech.speakers.calibration import min_cllr
from pyspeech.speakers.error_rates import equal_error_rate
from pyspeech.speakers.trials import Trial
from pyspeech.tasks.verification import VerificationTask
from pyspeech.training.experiment import Sources, run
from pyspeech.transcripts import Transcript
from tests.classifiers import labelled_manifest

TABLE = LabelTable("speaker", ("ann", "bob"))


class Numbered(torch.nn.Module):
    """The loss of an utterance is the number of its target, and how much is done."""

    output_per = "utterance"
    utterances_needed = 1

    def forward(self, embeddings_BD, targets_B, progress):
        return embeddings_BD.sum(1) * 0 + targets_B + progress


class Same(torch.nn.Module):
    """The mean frame is the embedding."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))
        self.loss = Numbered()

    def forward(self, features_BTF, lengths_B):
        return self.weight * features_BTF.mean(1)


def batch(ids, rows_BF, speakers):
    features_BTF = torch.tensor(rows_BF)[:, None, :].repeat(1, 2, 1)
    lengths_B = torch.full((len(ids),), 2)
    return Batch(tuple(ids), features_BTF, lengths_B, ("",) * len(ids), 1.0, tuple(speakers))


def test_a_speaker_at_another_speed_is_another_output():
    task = VerificationTask(TABLE, (0.9, 1.0), ())
    assert task.num_outputs == 4
    names = ["ann x0.9", "ann", "bob x0.9", "bob"]
    loss, counts = task.loss(Same(), batch("abcd", torch.zeros(4, 2).tolist(), names), 0.5)
    assert float(loss.detach()) == counts.loss == 0 + 1 + 2 + 3 + 4 * 0.5
    assert (counts.weight, counts.utterances) == (4, 4)


def test_a_speaker_that_the_table_lacks_or_who_is_unknown_is_named():
    task = VerificationTask(TABLE, (0.9, 1.1), ())
    assert task.target(Transcript("a", "", "ann", 1.0)) == "ann"
    with pytest.raises(UserError, match="the label table has no speaker 'cleo', but 2 others such as 'ann'"):
        task.target(Transcript("a", "", "cleo", 1.0))
    assert task.dev_target(Transcript("a", "", "cleo", 1.0)) == "cleo"
    for target in (task.target, task.dev_target):
        with pytest.raises(UserError, match="no speaker is given"):
            target(Transcript("a", "", "", 1.0))


def test_dev_is_measured_by_the_cosines_of_its_trials():
    rows = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    pairs = list(itertools.combinations(range(6), 2))
    trials = [Trial(left % 2 == right % 2, str(left), str(right)) for left, right in pairs]
    batches = [batch("012", rows[:3].tolist(), "xyx"), batch("345", rows[3:].tolist(), "yxy")]
    found = VerificationTask(TABLE, (1.0,), trials).evaluate(Same(), batches)
    scores = [float(torch.cosine_similarity(rows[left], rows[right], dim=0)) for left, right in pairs]
    targets = [trial.target for trial in trials]
    assert found.error_rate == pytest.approx(equal_error_rate(scores, targets), abs=1e-6)
    assert found.mean_loss == pytest.approx(min_cllr(scores, targets), abs=1e-6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, train_on_tones):
    folder = tmp_path_factory.mktemp("tones")
    train_on_tones(folder, "speaker")
    return folder


def test_training_makes_the_embeddings_of_one_speaker_alike(folder):
    metrics = [json.loads(line) for line in (folder / "exp/metrics.jsonl").read_text().splitlines()]
    assert metrics[-1]["dev_equal_error_rate"] <= 0.1
    assert metrics[-1]["dev_loss"] < 0.5


def test_what_cannot_be_measured_on_or_is_no_table_of_speakers_is_refused_before_training(folder, tmp_path):
    config = load_config(folder / "conf.yaml")
    one = labelled_manifest(tmp_path / "one.jsonl.gz", 1)
    with pytest.raises(UserError, match=r"one.jsonl.gz cannot be measured on: 1 utterances of 1 speakers"):
        run(config, tmp_path / "exp", Sources(folder / "train.jsonl.gz", one, folder / "labels"), "cpu")
    LabelTable("text", ("HIGH", "LOW")).save(tmp_path / "words")
    with pytest.raises(UserError, match="is a table of texts; verification needs pyspeech labels --field speaker"):
        VerificationTask.load(tmp_path / "words", config, folder / "test.jsonl.gz")
    assert not (tmp_path / "exp").exists()


@pytest.mark.parametrize(
    ("includes", "named"),
    [
        (
            "speaker_lstm, speakers, ctc",
            "loss.name = 'ctc' is not of outputs for each utterance.* choose softmax or aam_",
        ),
        ("tdnn_lstm, speakers, softmax", "model.name = 'tdnn_lstm' is not of outputs for each utterance"),
    ],
)
def test_a_network_or_a_loss_of_another_kind_is_named(folder, tmp_path, includes, named):
    (tmp_path / "conf.yaml").write_text(f"include: [fbank, augment, train, {includes}]\ntask: verification\n")
    sources = Sources(folder / "train.jsonl.gz", folder / "test.jsonl.gz", folder / "labels")
    with pytest.raises(UserError, match=named):
        run(load_config(tmp_path / "conf.yaml"), tmp_path / "exp", sources, "cpu")


def test_a_loss_without_probabilities_cannot_classify(folder, tmp_path):
    (tmp_path / "conf.yaml").write_text("include: [fbank, augment, train, speaker_lstm, ge2e]\ntask: classification\n")
    sources = Sources(folder / "train.jsonl.gz", folder / "test.jsonl.gz", folder / "labels")
    with pytest.raises(UserError, match="'ge2e' gives labels no probabilities; choose softmax or aam_softmax"):
        run(load_config(tmp_path / "conf.yaml"), tmp_path / "exp", sources, "cpu")


def test_a_loss_that_compares_utterances_needs_two_of_a_speaker_before_training_begins(folder, tmp_path):
    (tmp_path / "conf.yaml").write_text(
        "include: [fbank, augment, train, speaker_lstm, ge2e, speakers]\ntask: verification\n"
    )
    sources = Sources(folder / "train.jsonl.gz", folder / "test.jsonl.gz", folder / "labels")
    config = load_config(tmp_path / "conf.yaml", ["speakers.utterances_each=1"])
    with pytest.raises(UserError, match=r"utterances_each = 1: the loss ge2e compares .* set it to 2 or more"):
        run(config, tmp_path / "exp", sources, "cpu")


@pytest.mark.parametrize("task", ["recognition", "classification"])
def test_words_and_labels_are_not_learnt_from_crops(folder, tmp_path, task):
    config = load_config(folder / "conf.yaml", [f"task={task}"])
    sources = Sources(folder / "train.jsonl.gz", folder / "test.jsonl.gz", folder / "labels")
    with pytest.raises(UserError, match="the section 'speakers' is of task: verification; set that, or take"):
        run(config, tmp_path / "exp", sources, "cpu")


def test_speakers_are_told_apart_in_batches_of_them(folder, tmp_path):
    (tmp_path / "conf.yaml").write_text("include: [fbank, augment, train, speaker_lstm, softmax]\ntask: verification\n")
    sources = Sources(folder / "train.jsonl.gz", folder / "test.jsonl.gz", folder / "labels")
    with pytest.raises(UserError, match="task: verification needs the section 'speakers'; include speakers"):
        run(load_config(tmp_path / "conf.yaml"), tmp_path / "exp", sources, "cpu")


def test_a_folder_of_noise_that_is_not_there_is_told_of_before_training_begins(folder, tmp_path):
    (tmp_path / "conf.yaml").write_text((folder / "conf.yaml").read_text().replace("softmax,", "softmax, noise,"))
    config = load_config(tmp_path / "conf.yaml", [f"noise.noise_dir={tmp_path}/none"])
    sources = Sources(folder / "train.jsonl.gz", folder / "test.jsonl.gz", folder / "labels")
    with pytest.raises(UserError, match=r"no folder .*/none; set noise.noise_dir"):
        run(config, tmp_path / "exp", sources, "cpu")
    assert not (tmp_path / "exp").exists()
