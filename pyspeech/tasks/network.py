"""A trained network, from the folder of its training."""

from pathlib import Path

import torch
from torch import nn

from pyspeech.config import Config, load_config
from pyspeech.errors import UserError
from pyspeech.files import existing
from pyspeech.models import build_model
from pyspeech.training.checkpoint import read_tensors

MODEL, CONFIG = "model.safetensors", "config.yaml"


def trained_config(exp: Path) -> Config:
    """Read the settings of a finished training.

    Raises:
        UserError: the training is not finished, or its configuration is missing or damaged.
    """
    existing(exp / MODEL, "trained model")
    return load_config(exp / CONFIG)


def load_network(exp: Path, config: Config, num_outputs: int, table: str, device: torch.device | str) -> nn.Module:
    """Load the network (in eval mode) whose outputs the folder ``exp/table`` names.

    Raises:
        UserError: a file is damaged or does not fit the others.
    """
    model = build_model(config.model, config.features.num_features, num_outputs)
    try:
        model.load_state_dict(read_tensors(exp / MODEL))
    except RuntimeError as error:
        raise UserError(f"{exp / MODEL} does not fit {exp / CONFIG} and {exp / table}; train again") from error
    return model.to(device).eval()


def device_of(model: nn.Module) -> torch.device:
    """Return the device that the network's weights are on."""
    device: torch.device = next(model.parameters()).device
    return device
