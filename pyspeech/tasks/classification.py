"""Classification: one label for each utterance, its word or its speaker."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pyspeech.config import Config
from pyspeech.data.batch import Batch
from pyspeech.errors import UserError
from pyspeech.lang.labels import LabelTable, load_labels
from pyspeech.losses import LOSSES, loss_class
from pyspeech.losses.contract import LabelLoss
from pyspeech.models.contract import OutputPer
from pyspeech.tasks.counts import Counts
from pyspeech.tasks.network import NetworkWithLoss, device_of, load_model, loss_of, refuse_speakers, trained_config
from pyspeech.tasks.task import Table
from pyspeech.transcripts import Transcript

LABEL_LOSSES = [name for name, loss in LOSSES.items() if hasattr(loss, "logits")]  # that give labels probabilities


class ClassificationTask:
    """Training by the loss of the configuration, and how often the most likely label is wrong."""

    error_name = "label_error_rate"
    left_out_reason = "no label"
    output_per: OutputPer = "utterance"
    table: Table = "labels"

    def __init__(self, labels: LabelTable) -> None:
        self.labels = labels

    @classmethod
    def load(cls, folder: Path, config: Config, dev: Path) -> "ClassificationTask":  # noqa: ARG003
        """Make the task from a label table.

        Raises:
            UserError: it is missing or damaged, the loss of ``config`` gives labels no probabilities, or the
                configuration is for telling speakers apart.
        """
        _require_logits(config)
        refuse_speakers(config)
        return cls(load_labels(folder))

    @property
    def num_outputs(self) -> int:
        """One output a label."""
        return len(self.labels.labels)

    @staticmethod
    def output_names(folder: Path, config: Config) -> tuple[str, ...]:  # noqa: ARG004
        """Return the labels of a table."""
        return load_labels(folder).labels

    def target(self, transcript: Transcript) -> str:
        """Return the label of an utterance.

        Raises:
            UserError: the table lacks it.
        """
        label = self.labels.label_of(transcript)
        self.labels.id_of(label)
        return label

    dev_target = target

    def summaries(self, manifest: Path) -> Mapping[str, str]:
        """Return what the folder of a training keeps of its training manifest: nothing."""
        return {}

    def loss(self, model: NetworkWithLoss, batch: Batch, progress: float) -> tuple[Tensor, Counts]:
        """Sum of the utterances' losses, and its counts; the weight is the number of utterances."""
        embeddings_BD = model(batch.features_BTF.to(device_of(model)), batch.lengths_B)
        return loss_of(model, embeddings_BD, batch.ids, self._targets(batch), progress)

    def evaluate(self, model: NetworkWithLoss, batches: Iterable[Batch]) -> Counts:
        """Counts of the loss and of the utterances whose most likely label is another."""
        return sum((self._counts(model, batch) for batch in batches), Counts())

    def predict(self, model: NetworkWithLoss, batch: Batch) -> Tensor:
        """Return the probability of every label: ``[B, V]`` on the CPU."""
        with torch.no_grad():
            logits_BV = _logits(model, model(batch.features_BTF.to(device_of(model)), batch.lengths_B))
        probabilities_BV: Tensor = logits_BV.softmax(1).to("cpu")
        return probabilities_BV

    def _counts(self, model: NetworkWithLoss, batch: Batch) -> Counts:
        with torch.no_grad():
            embeddings_BD = model(batch.features_BTF.to(device_of(model)), batch.lengths_B)
            targets = self._targets(batch)
            _, counts = loss_of(model, embeddings_BD, batch.ids, targets, 1.0)
            likeliest = _logits(model, embeddings_BD).argmax(1).tolist()
        errors = sum(label != target for label, target in zip(likeliest, targets, strict=True))
        return counts + Counts(errors=errors, labels=len(likeliest))

    def _targets(self, batch: Batch) -> list[int]:
        return [self.labels.id_of(label) for label in batch_labels(batch, self.labels)]


def batch_labels(batch: Batch, labels: LabelTable) -> tuple[str, ...]:
    """Return the labels of a batch, which may not be in the table."""
    return batch.texts if labels.field == "text" else batch.speakers


@dataclass(frozen=True)
class Classifier:
    """A trained network (in eval mode) with the settings it was trained with and what its outputs stand for."""

    config: Config
    labels: LabelTable
    model: NetworkWithLoss


def load_classifier(exp: Path, device: torch.device | str) -> Classifier:
    """Load what :func:`pyspeech.training.experiment.run` left in ``exp``.

    Raises:
        UserError: the training is not finished or was no classification, or a file is damaged or does not fit.
    """
    config = trained_config(exp)
    labels = load_labels(exp / ClassificationTask.table)
    _require_logits(config)
    model = load_model(exp, config, len(labels.labels), ClassificationTask.output_per, device)
    return Classifier(config, labels, model)


def _require_logits(config: Config) -> None:
    if not hasattr(loss_class(config.loss), "logits"):
        raise UserError(
            f"loss.name = '{config.loss['name']}' gives labels no probabilities; choose {' or '.join(LABEL_LOSSES)}"
        )


def _logits(model: NetworkWithLoss, embeddings_BD: Tensor) -> Tensor:
    assert isinstance(model.loss, LabelLoss)
    return model.loss.logits(embeddings_BD)
