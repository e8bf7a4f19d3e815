"""Classification: one label for each utterance, its word or its speaker."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from pyspeech.config import Config
from pyspeech.data.batches import Batch
from pyspeech.data.transcripts import Transcript
from pyspeech.lang.labels import LabelTable, load_labels
from pyspeech.models import OutputPer
from pyspeech.tasks.counts import Counts
from pyspeech.tasks.network import device_of, load_network, trained_config

TABLE = "labels"  # in the folder of a training: its label table


class ClassificationTask:
    """Cross-entropy training, and how often the most likely label is wrong."""

    error_name = "label_error_rate"
    left_out_reason = "no label"
    table_name = "label table"
    output_per: OutputPer = "utterance"

    def __init__(self, labels: LabelTable) -> None:
        self.labels = labels

    @property
    def num_outputs(self) -> int:
        """One output a label."""
        return len(self.labels.labels)

    def target(self, transcript: Transcript) -> str:
        """Return the label of an utterance.

        Raises:
            UserError: the table lacks it.
        """
        label = self.labels.label_of(transcript)
        self.labels.id_of(label)
        return label

    def summaries(self, manifest: Path) -> Mapping[str, str]:
        """Return what the folder of a training keeps of its training manifest: nothing."""
        return {}

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Counts]:
        """Sum of the utterances' losses, and its counts; the weight is the number of utterances."""
        logits_BV, targets_B = self._outputs(model, batch)
        return self._loss(logits_BV, targets_B)

    def evaluate(self, model: nn.Module, batch: Batch) -> Counts:
        """Counts of the loss and of the utterances whose most likely label is another."""
        with torch.no_grad():
            logits_BV, targets_B = self._outputs(model, batch)
            _, counts = self._loss(logits_BV, targets_B)
        errors = int((logits_BV.argmax(1) != targets_B).sum())
        return counts + Counts(errors=errors, labels=len(targets_B))

    def predict(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return the probability of every label: ``[B, V]`` on the CPU."""
        with torch.no_grad():
            logits_BV = model(batch.features_BTF.to(device_of(model)), batch.lengths_B)
        probabilities_BV: Tensor = logits_BV.softmax(1).to("cpu")
        return probabilities_BV

    def _outputs(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        labels = batch_labels(batch, self.labels)
        targets_B = torch.tensor([self.labels.id_of(label) for label in labels], device=device_of(model))
        return model(batch.features_BTF.to(device_of(model)), batch.lengths_B), targets_B

    def _loss(self, logits_BV: Tensor, targets_B: Tensor) -> tuple[Tensor, Counts]:
        loss = functional.cross_entropy(logits_BV, targets_B, reduction="sum")
        return loss, Counts(loss=float(loss.detach()), weight=len(targets_B), utterances=len(targets_B))


def load_classification_task(folder: Path, config: Config) -> ClassificationTask:  # noqa: ARG001 -- as of every task
    """Make the task from a label table.

    Raises:
        UserError: it is missing or damaged.
    """
    return ClassificationTask(load_labels(folder))


def batch_labels(batch: Batch, labels: LabelTable) -> tuple[str, ...]:
    """Return the labels of a batch, which may not be in the table."""
    return batch.texts if labels.field == "text" else batch.speakers


@dataclass(frozen=True)
class Classifier:
    """A trained network (in eval mode) with the settings it was trained with and what its outputs stand for."""

    config: Config
    labels: LabelTable
    model: nn.Module


def load_classifier(exp: Path, device: torch.device | str) -> Classifier:
    """Load what :func:`pyspeech.training.experiment.run` left in ``exp``.

    Raises:
        UserError: the training is not finished or was no classification, or a file is damaged or does not fit.
    """
    config = trained_config(exp)
    labels = load_labels(exp / TABLE)
    return Classifier(config, labels, load_network(exp, config, len(labels.labels), TABLE, device))
