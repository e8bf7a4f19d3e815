"""Which network and which loss a new recipe trains: those of the registries that suit its task."""

from collections.abc import Collection
from dataclasses import dataclass

from pyspeech import losses, models
from pyspeech.corpora.sources.dividing import Task
from pyspeech.errors import UserError, nearest
from pyspeech.losses import LOSSES
from pyspeech.tasks import TASKS
from pyspeech.tasks.classification import LABEL_LOSSES

USUAL = {
    "recognition": ("tdnn_lstm", "ctc"),
    "classification": ("speaker_lstm", "softmax"),
    "verification": ("speaker_lstm", "aam_softmax"),
}


@dataclass(frozen=True)
class Learning:
    """The names of a network and of a loss, each of a file in conf/."""

    model: str
    loss: str

    @property
    def utterances_each(self) -> int:
        """Of a speaker in a batch, that the loss needs."""
        return getattr(LOSSES[self.loss], "utterances_needed", 1)


def models_of(task: Task) -> Collection[str]:
    """Networks with an output for what the task tells apart: each frame or each utterance."""
    return models.OF_FRAMES if TASKS[task].output_per == "frame" else models.OF_UTTERANCES


def losses_of(task: Task) -> Collection[str]:
    """Losses of such outputs; those of a classification give labels probabilities."""
    if task == "classification":
        return LABEL_LOSSES
    return losses.OF_FRAMES if TASKS[task].output_per == "frame" else losses.OF_UTTERANCES


def choose_learning(task: Task, model: str, loss: str) -> Learning:
    """Return what the user names; where a name is empty, the usual one of the task.

    Raises:
        UserError: there is none of that name for the task, with those that there are.
    """
    for option, name, fitting in (("--model", model, models_of(task)), ("--loss", loss, losses_of(task))):
        if name and name not in fitting:
            raise UserError(f"{option} {name} is none of {task}{nearest(name, fitting)}")
    usual_model, usual_loss = USUAL[task]
    return Learning(model or usual_model, loss or usual_loss)
