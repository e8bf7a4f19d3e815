"""Networks by name. A network knows tensors only: keyword arguments in, no configuration, no files."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from pyspeech.arguments import build
from pyspeech.models.bilstm_ctc import BilstmCtc
from pyspeech.models.conformer import Conformer
from pyspeech.models.ecapa_tdnn import EcapaTdnn
from pyspeech.models.speaker_lstm import SpeakerLstm
from pyspeech.models.tdnn_lstm import TdnnLstm
from pyspeech.models.xvector import XVector

# Of :class:`.contract.FrameNetwork` and :class:`.contract.EmbeddingNetwork`.
OF_FRAMES: dict[str, type[nn.Module]] = {
    "tdnn_lstm": TdnnLstm,
    "bilstm_ctc": BilstmCtc,
    "conformer": Conformer,
}
OF_UTTERANCES: dict[str, type[nn.Module]] = {
    "speaker_lstm": SpeakerLstm,
    "xvector": XVector,
    "ecapa_tdnn": EcapaTdnn,
}
MODELS = {**OF_FRAMES, **OF_UTTERANCES}


def build_model(settings: Mapping[str, Any], num_features: int, num_outputs: int) -> nn.Module:
    """Make the network that ``settings`` names, with its other keys as keyword arguments.

    Networks with an output per utterance end in an embedding and take no ``num_outputs``.

    Raises:
        UserError: no or an unknown name, an unknown or missing key (with the nearest name), a value out of range.
    """
    return build("model", settings, MODELS, {"num_features": num_features, "num_outputs": num_outputs})
