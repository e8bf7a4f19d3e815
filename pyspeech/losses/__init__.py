"""Losses of embeddings by name, for networks with one output per utterance.

Each takes embeddings ``[B, D]``, the speaker or label of each (numbers ``[B]``) and how much of the training is done
(0..1), and returns a loss in nats for each utterance, ``[B]``.
"""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from pyspeech.losses.aam_softmax import AamSoftmax
from pyspeech.losses.ge2e import Ge2e
from pyspeech.losses.softmax import Softmax
from pyspeech.models.arguments import build

LOSSES: dict[str, Callable[..., nn.Module]] = {"softmax": Softmax, "aam_softmax": AamSoftmax, "ge2e": Ge2e}


def build_loss(settings: Mapping[str, Any], num_inputs: int, num_outputs: int) -> nn.Module:
    """Make the loss that ``settings`` names: of embeddings ``num_inputs`` wide, of ``num_outputs`` speakers or labels.

    Raises:
        UserError: no or an unknown name, an unknown or missing key (with the nearest name), a value out of range.
    """
    return build("loss", settings, LOSSES, {"num_inputs": num_inputs, "num_outputs": num_outputs})
