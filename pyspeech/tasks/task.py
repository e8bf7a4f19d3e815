"""What a task is to the rest of the project: what a network's outputs stand for, and how well they do.

A task is made from a configuration and the folder of a table, which its network has an output for each entry of: tokens
(``lang``), or labels. :data:`pyspeech.tasks.TASKS` has them by name; ``tests/tasks`` holds these to what stands here.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from torch import Tensor

from pyspeech.config import Config
from pyspeech.data.batch import Batch
from pyspeech.models.contract import OutputPer
from pyspeech.tasks.counts import Counts
from pyspeech.tasks.network import NetworkWithLoss
from pyspeech.transcripts import Transcript

Table = Literal["lang", "labels"]


class DevFigures(Protocol):
    """What a network reaches on dev."""

    @property
    def mean_loss(self) -> float: ...
    @property
    def error_rate(self) -> float: ...


class Learning(Protocol):
    """The part of a task that the training loop knows.

    Attributes:
        error_name: Of the figure on dev; less is better.
        left_out_reason: Why an utterance may have no loss.
    """

    error_name: str
    left_out_reason: str

    def loss(self, model: NetworkWithLoss, batch: Batch, progress: float) -> tuple[Tensor, Counts]:
        """Loss summed over the batch, to be divided by the counts' weight; ``progress`` (0..1) of training is done."""

    def evaluate(self, model: NetworkWithLoss, batches: Iterable[Batch]) -> DevFigures:
        """Loss and error rate on dev, without gradients."""


@runtime_checkable
class Task(Learning, Protocol):
    """All of a task.

    Attributes:
        output_per: What its network and its loss have to be of.
        table: What it is made from, an option of ``pyspeech train`` and a folder beside the trained network.
    """

    output_per: OutputPer
    table: Table

    @classmethod
    def load(cls, folder: Path, config: Config, dev: Path) -> "Task":
        """Make the task from the folder of a table, and the manifest to measure on.

        Raises:
            UserError: a file is missing or damaged, or the configuration does not suit the task.
        """

    @property
    def num_outputs(self) -> int:
        """Of the network."""

    def target(self, transcript: Transcript) -> str:
        """Return what is learnt from an utterance; a ``UserError`` where the table does not hold it."""

    def dev_target(self, transcript: Transcript) -> str:
        """Return what is measured on an utterance; a ``UserError`` where that cannot be."""

    def summaries(self, manifest: Path) -> Mapping[str, str]:
        """Return what the folder of a training keeps of its training manifest, by the name of the file."""


@runtime_checkable
class NamedOutputs(Protocol):
    """A task whose outputs have names: a training that begins from another's weights takes those of the same name."""

    @staticmethod
    def output_names(folder: Path, config: Config) -> tuple[str, ...]:
        """Return the names of the outputs that the table in ``folder`` makes with ``config``, by their numbers.

        Raises:
            UserError: the table is missing or damaged.
        """
