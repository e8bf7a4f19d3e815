"""Losses of embeddings by name, for networks with one output per utterance.

Each takes embeddings ``[B, D]``, the speaker or label of each (numbers ``[B]``) and how much of the training is done
(0..1), and returns a loss in nats for each utterance, ``[B]``. ``utterances_needed`` says how many of one speaker or
label a batch must hold for them to have a loss.
"""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from torch import nn

from pyspeech.losses.aam_softmax import AamSoftmax
from pyspeech.losses.ge2e import Ge2e
from pyspeech.losses.softmax import Softmax
from pyspeech.models.arguments import build

LOSSES: dict[str, type[Softmax] | type[AamSoftmax] | type[Ge2e]] = {
    "softmax": Softmax,
    "aam_softmax": AamSoftmax,
    "ge2e": Ge2e,
}


def build_loss(settings: Mapping[str, Any], num_inputs: int, num_outputs: int) -> nn.Module:
    """Make the loss that ``settings`` names: of embeddings ``num_inputs`` wide, of ``num_outputs`` speakers or labels.

    Raises:
        UserError: no or an unknown name, an unknown or missing key (with the nearest name), a value out of range.
    """
    return build("loss", settings, LOSSES, {"num_inputs": num_inputs, "num_outputs": num_outputs})


@runtime_checkable
class EmbeddingLoss(Protocol):
    """What each of these says of itself."""

    utterances_needed: int


def utterances_needed(loss: nn.Module) -> int:
    """How many utterances of one speaker or label a batch must hold for them to have a loss."""
    assert isinstance(loss, EmbeddingLoss)
    return loss.utterances_needed
