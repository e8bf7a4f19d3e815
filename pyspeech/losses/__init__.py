"""Losses by name: see :mod:`.contract`. A loss knows tensors only: keyword arguments in, no configuration, no files."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from pyspeech.arguments import build, named
from pyspeech.losses.aam_softmax import AamSoftmax
from pyspeech.losses.ctc import Ctc
from pyspeech.losses.ge2e import Ge2e
from pyspeech.losses.lfmmi import LfMmi
from pyspeech.losses.softmax import Softmax

# Of :class:`.contract.FrameLoss` and :class:`.contract.EmbeddingLoss`.
OF_FRAMES: dict[str, type[nn.Module]] = {"ctc": Ctc, "lfmmi": LfMmi}
OF_UTTERANCES: dict[str, type[nn.Module]] = {"softmax": Softmax, "aam_softmax": AamSoftmax, "ge2e": Ge2e}
LOSSES = {**OF_FRAMES, **OF_UTTERANCES}


def loss_class(settings: Mapping[str, Any]) -> type[nn.Module]:
    """Return the class of the loss that ``settings`` names.

    Raises:
        UserError: no or an unknown name, with the nearest.
    """
    return named("loss", settings, LOSSES)


def build_loss(settings: Mapping[str, Any], num_inputs: int, num_outputs: int) -> nn.Module:
    """Make the loss that ``settings`` names, of ``num_outputs`` tokens, speakers or labels.

    ``num_inputs``: values that the network puts out for each frame or utterance.

    Raises:
        UserError: no or an unknown name, an unknown or missing key (with the nearest name), a value out of range.
    """
    return build("loss", settings, LOSSES, {"num_inputs": num_inputs, "num_outputs": num_outputs})
