"""A network as it is trained, new or from the folder of its training; how one of embeddings goes with its loss."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.amp.autocast_mode import autocast

from pyspeech.config import Config, load_config
from pyspeech.errors import UserError
from pyspeech.files import existing
from pyspeech.losses import LOSSES, build_loss, utterances_needed
from pyspeech.models import build_model
from pyspeech.models.contract import EmbeddingNetwork, frame_network
from pyspeech.models.precision import at_least_float32
from pyspeech.tasks.counts import Counts
from pyspeech.tensor_files import read_tensors

MODEL, CONFIG = "model.safetensors", "config.yaml"


class EmbeddingModel(nn.Module):
    """A network that gives one embedding an utterance, and the loss whose weights are learnt with it.

    ``[B, T, F]`` features -> embeddings ``[B, D]``.
    """

    def __init__(self, network: nn.Module, loss: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.loss = loss

    def forward(self, features_BTF: Tensor, lengths_B: Tensor) -> Tensor:
        embeddings_BD: Tensor = self.network(features_BTF, lengths_B)
        return embeddings_BD


def new_network(config: Config, num_outputs: int) -> nn.Module:
    """Make the network of ``config``; one of embeddings with its loss, as an :class:`EmbeddingModel`.

    Raises:
        UserError: a section of the configuration names no network or loss, or there is a loss too few or too many.
    """
    network = build_model(config.model, config.features.num_features, num_outputs)
    embeds = isinstance(network, EmbeddingNetwork) and frame_network(network) is None
    if embeds and config.loss is None:
        raise UserError(
            f"model.name = '{config.model['name']}' gives embeddings and needs a loss; include one of "
            f"{', '.join(LOSSES)} in the configuration"
        )
    if not embeds and config.loss is not None:
        raise UserError(
            f"model.name = '{config.model['name']}' learns by CTC; take the section 'loss' out of the configuration"
        )
    if config.loss is None:
        return network
    assert isinstance(network, EmbeddingNetwork)
    loss = build_loss(config.loss, network.embedding_width, num_outputs)
    return EmbeddingModel(network, loss)


def loss_of(
    model: nn.Module, embeddings_BD: Tensor, ids: Sequence[str], targets: Sequence[int], progress: float
) -> tuple[Tensor, Counts]:
    """Return the summed loss of embeddings by an :class:`EmbeddingModel`, and its counts; each utterance weighs 1.

    One whose target fewer have than the loss needs (``utterances_needed``) has no loss: it is left out and named.
    """
    having, needed = Counter(targets), utterances_needed(model.loss)
    kept = [b for b, target in enumerate(targets) if having[target] >= needed]
    left_out = tuple(id_ for id_, target in zip(ids, targets, strict=True) if having[target] < needed)
    if not kept:
        return embeddings_BD.sum() * 0, Counts(left_out=left_out)
    if left_out:
        embeddings_BD = embeddings_BD[kept]
    targets_B = torch.tensor([targets[b] for b in kept], device=embeddings_BD.device)
    # In float32 whatever the network computes in: cosines that are multiplied by 30 need more digits than bf16 has.
    with autocast(embeddings_BD.device.type, enabled=False):
        loss = model.loss(at_least_float32(embeddings_BD), targets_B, progress).sum()
    return loss, Counts(loss=float(loss.detach()), weight=len(kept), utterances=len(kept), left_out=left_out)


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
    model = new_network(config, num_outputs)
    try:
        model.load_state_dict(read_tensors(exp / MODEL, "trained model", "train again"))
    except RuntimeError as error:
        raise UserError(f"{exp / MODEL} does not fit {exp / CONFIG} and {exp / table}; train again") from error
    return model.to(device).eval()


def device_of(model: nn.Module) -> torch.device:
    """Return the device that the network's weights are on."""
    device: torch.device = next(model.parameters()).device
    return device
