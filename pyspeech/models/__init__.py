"""Networks by name. A network knows tensors only: keyword arguments in, no configuration, no files."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal

from torch import nn

from pyspeech.errors import UserError, nearest
from pyspeech.models.bilstm_ctc import BilstmCtc
from pyspeech.models.lstm_embedding import LstmEmbedding
from pyspeech.models.tdnn_lstm import TdnnLstm

MODELS: dict[str, Callable[..., nn.Module]] = {
    "tdnn_lstm": TdnnLstm,
    "bilstm_ctc": BilstmCtc,
    "lstm_embedding": LstmEmbedding,
}

GIVEN = ("num_features", "num_outputs")  # follow from the features and the tokens or labels, not from the settings
OutputPer = Literal["frame", "utterance"]


def build_model(settings: Mapping[str, Any], num_features: int, num_outputs: int) -> nn.Module:
    """Make the network that ``settings`` names, with its other keys as keyword arguments.

    Raises:
        UserError: no or an unknown name, an unknown or missing key (with the nearest name), a value out of range.
    """
    arguments = dict(settings)
    name = arguments.pop("name", None)
    if name not in MODELS:
        raise UserError(f"model.name = {name!r} is not a model{nearest(str(name), MODELS)}")
    parameters = inspect.signature(MODELS[name]).parameters
    allowed = {key: parameter for key, parameter in parameters.items() if key not in GIVEN}
    for key, value in arguments.items():
        if key not in allowed:
            raise UserError(f"unknown key 'model.{key}' of {name}{nearest(key, allowed)}")
        _check(f"model.{key}", value, allowed[key].annotation)
    if missing := [key for key, p in allowed.items() if p.default is p.empty and key not in arguments]:
        raise UserError(f"key 'model.{missing[0]}' is missing; {name} needs it, see conf/{name}.yaml")
    return MODELS[name](num_features=num_features, num_outputs=num_outputs, **arguments)


def require_output_per(settings: Mapping[str, Any], unit: OutputPer) -> None:
    """Make sure that the network that ``settings`` names has outputs for each ``unit``.

    Raises:
        UserError: it has not, naming those that have.
    """
    fitting = [name for name, network in MODELS.items() if getattr(network, "output_per", None) == unit]
    if settings["name"] not in fitting:
        raise UserError(
            f"model.name = '{settings['name']}' has no output for each {unit}, which this training needs; "
            f"choose {' or '.join(fitting)}"
        )


def _check(key: str, value: object, kind: type) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is int and not (number and isinstance(value, int) and value > 0):
        raise UserError(f"{key} = {value!r}: expected a whole number above 0")
    # Every fraction of a network is a probability, dropout so far.
    if kind is float and not (isinstance(value, (int, float)) and number and 0 <= value < 1):
        raise UserError(f"{key} = {value!r}: expected a number from 0 to below 1")
