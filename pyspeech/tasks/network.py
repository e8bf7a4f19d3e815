"""A network with its loss as they are trained, new or from the folder of a training."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.amp.autocast_mode import autocast

from pyspeech import losses, models
from pyspeech.config import Config, load_config
from pyspeech.errors import UserError, nearest
from pyspeech.files import existing
from pyspeech.losses.contract import EmbeddingLoss, frame_loss
from pyspeech.models.contract import EmbeddingNetwork, OutputPer, frame_network
from pyspeech.models.precision import at_least_float32
from pyspeech.own_code import import_trusted_classes
from pyspeech.tasks.counts import Counts
from pyspeech.tensor_files import read_tensors

MODEL, CONFIG = "model.safetensors", "config.yaml"
NETWORK, LOSS = "network.", "loss."  # begin the names of their weights in MODEL

AnyModule = TypeVar("AnyModule", bound=nn.Module)
Device = torch.device | str


class NetworkWithLoss(nn.Module):
    """A network, called as it is, and the loss whose weights, if it has any, are learnt with it."""

    def __init__(self, network: nn.Module, loss: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.loss = loss
        self.frozen: tuple[str, ...] = ()

    def freeze(self, prefixes: Sequence[str]) -> None:
        """Let the weights and the batch statistics whose names begin with one of ``prefixes`` stay as they are.

        Raises:
            UserError: no name begins so, or none is left to learn.
        """
        names = self.state_dict().keys()
        for prefix in prefixes:
            if not any(name.startswith(prefix) for name in names):
                parts = {".".join(name.split(".")[:2]) for name in names}
                raise UserError(f"--freeze {prefix}: no weight has a name that begins so{nearest(prefix, parts)}")
        self.frozen = tuple(prefixes)
        for name, parameter in self.named_parameters():
            if name.startswith(self.frozen):
                parameter.requires_grad_(False)
        if prefixes and not any(parameter.requires_grad for parameter in self.parameters()):
            raise UserError(f"--freeze {' --freeze '.join(prefixes)} leaves nothing to learn; freeze less")

    def train(self, mode: bool = True) -> "NetworkWithLoss":
        """Set the mode, but of a module with frozen batch statistics: it uses these as after training."""
        super().train(mode)
        stored = self.state_dict().keys()
        for name, _ in self.named_buffers():
            if name in stored and name.startswith(self.frozen):
                self.get_submodule(name.rpartition(".")[0]).eval()
        return self

    def forward(self, features_BTF: Tensor, lengths_B: Tensor) -> Any:  # noqa: ANN401 -- what the network gives
        return self.network(features_BTF, lengths_B)


def new_model(config: Config, num_outputs: int, output_per: OutputPer) -> NetworkWithLoss:
    """Make the network and the loss of ``config``, of so many outputs for each frame or utterance.

    Raises:
        UserError: a section of the configuration names no network or loss, or one of another kind.
    """
    network = models.build_model(config.model, config.features.num_features, num_outputs)
    _require(output_per, frame_network(network), "model", config.model, models.OF_FRAMES, models.OF_UTTERANCES)
    width = network.embedding_width if isinstance(network, EmbeddingNetwork) else num_outputs
    loss = losses.build_loss(config.loss, width, num_outputs)
    _require(output_per, frame_loss(loss), "loss", config.loss, losses.OF_FRAMES, losses.OF_UTTERANCES)
    return NetworkWithLoss(network, loss)


def _require(
    unit: OutputPer,
    of_frames: object,
    section: str,
    settings: Mapping[str, Any],
    fitting_frames: Collection[str],
    fitting_utterances: Collection[str],
) -> None:
    if (of_frames is None) == (unit == "utterance"):
        return
    fitting = fitting_frames if unit == "frame" else fitting_utterances
    raise UserError(
        f"{section}.name = '{settings['name']}' is not of outputs for each {unit}, which this task needs; choose "
        f"{' or '.join(fitting)}"
    )


def refuse_speakers(config: Config) -> None:
    """Make sure that batches are not of equally many crops of every speaker.

    Raises:
        UserError: the configuration has the section for that.
    """
    if config.speakers:
        raise UserError("the section 'speakers' is of task: verification; set that, or take the section out")


def loss_of(
    model: NetworkWithLoss, embeddings_BD: Tensor, ids: Sequence[str], targets: Sequence[int], progress: float
) -> tuple[Tensor, Counts]:
    """Return the summed loss of embeddings, and its counts; each utterance weighs 1.

    One whose target fewer have than the loss needs (``utterances_needed``) has no loss: it is left out and named.
    """
    assert isinstance(model.loss, EmbeddingLoss)
    having, needed = Counter(targets), model.loss.utterances_needed
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
    """Read the settings of a finished training, and load the classes of its own that they name.

    Raises:
        UserError: the training is not finished, its configuration is missing or damaged, or it has code of its own
            that nobody has said may run: see :mod:`pyspeech.own_code`.
    """
    existing(exp / MODEL, "trained model")
    config = load_config(exp / CONFIG)
    import_trusted_classes(config.names, exp)
    return config


def load_model(exp: Path, config: Config, num_outputs: int, output_per: OutputPer, device: Device) -> NetworkWithLoss:
    """Load what was trained (in eval mode).

    Raises:
        UserError: a file is damaged or does not fit the others.
    """
    return _with_weights(new_model(config, num_outputs, output_per), exp, "", device)


def load_network(exp: Path, config: Config, num_outputs: int, output_per: OutputPer, device: Device) -> nn.Module:
    """Load the network alone (in eval mode), without the loss. Networks of embeddings have no ``num_outputs``.

    Raises:
        UserError: it is of another kind, or a file is damaged or does not fit the others.
    """
    network = models.build_model(config.model, config.features.num_features, num_outputs)
    if (frame_network(network) is None) != (output_per == "utterance"):
        lacks = "tokens; train for recognition" if output_per == "frame" else "embeddings; train for verification"
        raise UserError(f"{exp} holds a {config.model['name']}, which gives no {lacks}")
    return _with_weights(network, exp, NETWORK, device)


def _with_weights(module: AnyModule, exp: Path, prefix: str, device: Device) -> AnyModule:
    tensors = read_tensors(exp / MODEL, "trained model", "train again")
    try:
        module.load_state_dict({name[len(prefix) :]: t for name, t in tensors.items() if name.startswith(prefix)})
    except RuntimeError as error:
        raise UserError(f"{exp / MODEL} does not fit {exp / CONFIG} and the tables beside it; train again") from error
    return module.to(device).eval()


def device_of(model: nn.Module) -> torch.device:
    """Return the device that the network's weights are on."""
    device: torch.device = next(model.parameters()).device
    return device
