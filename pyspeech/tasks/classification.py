"""Classification: one label for each utterance, its word or its speaker."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from pyspeech.config import Config
from pyspeech.data.batch import Batch
from pyspeech.errors import UserError
from pyspeech.lang.labels import LabelTable, load_labels
from pyspeech.losses import LOSSES
from pyspeech.models.contract import OutputPer
from pyspeech.tasks.counts import Counts
from pyspeech.tasks.network import device_of, load_network, loss_of, trained_config
from pyspeech.transcripts import Transcript

TABLE = "labels"  # in the folder of a training: its label table


class ClassificationTask:
    """Training by the loss of the configuration, and how often the most likely label is wrong."""

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

    dev_target = target

    def summaries(self, manifest: Path) -> Mapping[str, str]:
        """Return what the folder of a training keeps of its training manifest: nothing."""
        return {}

    def loss(self, model: nn.Module, batch: Batch, progress: float) -> tuple[Tensor, Counts]:
        """Sum of the utterances' losses, and its counts; the weight is the number of utterances."""
        embeddings_BD = model(batch.features_BTF.to(device_of(model)), batch.lengths_B)
        return loss_of(model, embeddings_BD, batch.ids, self._targets(batch), progress)

    def evaluate(self, model: nn.Module, batches: Iterable[Batch]) -> Counts:
        """Counts of the loss and of the utterances whose most likely label is another."""
        return sum((self._counts(model, batch) for batch in batches), Counts())

    def predict(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return the probability of every label: ``[B, V]`` on the CPU."""
        with torch.no_grad():
            logits_BV = model.loss.logits(model(batch.features_BTF.to(device_of(model)), batch.lengths_B))
        probabilities_BV: Tensor = logits_BV.softmax(1).to("cpu")
        return probabilities_BV

    def _counts(self, model: nn.Module, batch: Batch) -> Counts:
        with torch.no_grad():
            embeddings_BD = model(batch.features_BTF.to(device_of(model)), batch.lengths_B)
            targets = self._targets(batch)
            _, counts = loss_of(model, embeddings_BD, batch.ids, targets, 1.0)
            found = model.loss.logits(embeddings_BD).argmax(1).tolist()
        errors = sum(label != target for label, target in zip(found, targets, strict=True))
        return counts + Counts(errors=errors, labels=len(found))

    def _targets(self, batch: Batch) -> list[int]:
        return [self.labels.id_of(label) for label in batch_labels(batch, self.labels)]


def load_classification_task(folder: Path, config: Config) -> ClassificationTask:
    """Make the task from a label table.

    Raises:
        UserError: it is missing or damaged, or the loss of ``config`` gives labels no probabilities.
    """
    _require_logits(config)
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
    _require_logits(config)
    labels = load_labels(exp / TABLE)
    return Classifier(config, labels, load_network(exp, config, len(labels.labels), TABLE, device))


def _require_logits(config: Config) -> None:
    fitting = [name for name, loss in LOSSES.items() if hasattr(loss, "logits")]
    if config.loss is not None and config.loss.get("name") in LOSSES.keys() - set(fitting):
        raise UserError(
            f"loss.name = '{config.loss['name']}' gives labels no probabilities; choose {' or '.join(fitting)}"
        )
