import pytest
import torch

from pyspeech.data.batch import Batch
from pyspeech.errors import UserError
from pyspeech.lang.labels import LabelTable
from pyspeech.tasks.classification import ClassificationTask, load_classifier
from pyspeech.transcripts import Transcript

WORDS = ClassificationTask(LabelTable("text", ("no", "yes", "stop")))
SPEAKERS = ClassificationTask(LabelTable("speaker", ("ann", "bob", "cleo")))


class Given(torch.nn.Module):
    """Answers with given logits; the loss is that of their softmax."""

    def __init__(self, logits_BV):
        super().__init__()
        self.given = torch.nn.Parameter(torch.tensor(logits_BV))
        self.loss = self.Loss()

    def forward(self, features_BTF, lengths_B):
        return self.given

    class Loss(torch.nn.Module):
        output_per = "utterance"
        utterances_needed = 1

        def forward(self, embeddings_BD, targets_B, progress):
            return torch.nn.functional.cross_entropy(self.logits(embeddings_BD), targets_B, reduction="none")

        def logits(self, embeddings_BD):
            return embeddings_BD


BATCH = Batch(
    ids=("a", "b"),
    features_BTF=torch.zeros(2, 3, 1),
    lengths_B=torch.tensor([3, 2]),
    texts=("yes", "stop"),
    seconds=1.0,
    speakers=("ann", "ann"),
)
MODEL = Given([[0.0, 2.0, 1.0], [3.0, 0.0, 1.0]])


@pytest.mark.parametrize(("task", "targets", "errors"), [(WORDS, [1, 2], 1), (SPEAKERS, [0, 0], 1)])
def test_loss_and_errors_are_those_of_the_field(task, targets, errors):
    loss, counts = task.loss(MODEL, BATCH, 0.0)
    expected = -sum(float(MODEL.given.detach()[b].log_softmax(0)[target]) for b, target in enumerate(targets))
    assert float(loss.detach()) == counts.loss == pytest.approx(expected)
    assert (counts.weight, counts.utterances, counts.left_out) == (2, 2, ())
    found = task.evaluate(MODEL, [BATCH])
    assert (found.errors, found.labels, found.loss) == (errors, 2, counts.loss)


def test_predictions_are_probabilities():
    torch.testing.assert_close(WORDS.predict(MODEL, BATCH), MODEL.given.detach().softmax(1))


def test_a_label_that_the_table_lacks_is_named():
    assert WORDS.target(Transcript("a", "yes", "dan", 1.0)) == "yes"
    with pytest.raises(UserError, match="the label table has no speaker 'dan'"):
        SPEAKERS.target(Transcript("a", "yes", "dan", 1.0))


def test_an_unfinished_training_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no trained model at .*model.safetensors"):
        load_classifier(tmp_path, "cpu")
