"""Checkpoints: weights, optimiser state and history in one safetensors file, which can hold no code."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from pyspeech.errors import UserError
from pyspeech.files import complete, existing
from pyspeech.training.lines import Position
from pyspeech.training.sums import Sums

MODEL, OPTIMIZER = "model.", "optimizer."
HEADER = "pyspeech"  # the one key of the file's metadata


@dataclass(frozen=True)
class Progress:
    """Where a training stands.

    Args:
        epoch: Whole epochs done.
        batches: Of the next epoch, done; as all batches have numbers, this is where a resumed training goes on.
        step: Changes of the weights.
        done: Part of the whole training, 0 to 1.
        batches_per_step: Over all processes.
        data_digest: Names the content of the data.
        metrics: A line for each validation so far.
        validated: Epochs and batches done at the last validation.
        since: The sums over the steps after it.
        loss_scale: Of fp16: the scale, and the steps since it changed.
    """

    epoch: int = 0
    batches: int = 0
    step: int = 0
    done: float = 0.0
    batches_per_step: int = 1
    data_digest: str = ""
    metrics: list[dict[str, Any]] = field(default_factory=list)
    validated: Position = (0, 0)
    since: Sums = field(default_factory=Sums)
    loss_scale: tuple[float, int] | None = None


def checkpoint_path(exp: Path, step: int) -> Path:
    """Name the checkpoint that is written after ``step``."""
    return exp / "checkpoints" / f"step-{step}.safetensors"


def stored_steps(exp: Path) -> list[int]:
    """Steps that have a checkpoint, in order."""
    names = (re.fullmatch(r"step-(\d+)\.safetensors", path.name) for path in (exp / "checkpoints").glob("*"))
    return sorted(int(match[1]) for match in names if match)


def refuse_older(exp: Path) -> None:
    """Make sure that the checkpoints in ``exp``, if there are any, are not all of an earlier version.

    Raises:
        UserError: they are.
    """
    if not stored_steps(exp) and any((exp / "checkpoints").glob("epoch-*.safetensors")):
        raise UserError(
            f"{exp} was begun by an earlier version, which cannot go on; train into a new folder, or remove it"
        )


def save_checkpoint(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, progress: Progress) -> None:
    """Write the checkpoint completely or not at all."""
    tensors = {MODEL + name: tensor for name, tensor in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        for key, tensor in optimizer.state.get(parameter, {}).items():
            tensors[f"{OPTIMIZER}{name}.{key}"] = tensor
    write_tensors(path, tensors, asdict(progress))


def load_checkpoint(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> Progress:
    """Restore ``model`` and ``optimizer`` in place and return where the training stood.

    Raises:
        UserError: the file is damaged or belongs to another model.
    """
    tensors = read_tensors(path)
    try:
        model.load_state_dict(_part(tensors, MODEL))
    except RuntimeError as error:
        raise UserError(f"{path} is of another model than the configuration's; train into a new folder") from error
    for name, parameter in model.named_parameters():
        state = _part(tensors, f"{OPTIMIZER}{name}.")
        # AdamW keeps its step count on the CPU.
        optimizer.state[parameter] = {
            key: tensor if key == "step" else tensor.to(parameter.device) for key, tensor in state.items()
        }
    return read_progress(path)


def read_progress(path: Path) -> Progress:
    """Read the history alone, without the tensors."""
    header = read_header(path)
    try:
        since, scale = Sums(**header.pop("since")), header.pop("loss_scale")
        epoch, batch = header.pop("validated")
        return Progress(**header, validated=(epoch, batch), since=since, loss_scale=scale and (scale[0], scale[1]))
    except (TypeError, KeyError, ValueError) as error:
        raise UserError(f"{path} is not a checkpoint of pyspeech; remove it") from error


def load_weights(path: Path) -> dict[str, Tensor]:
    """Read the network's tensors of a checkpoint."""
    return _part(read_tensors(path, MODEL), MODEL)


def write_tensors(path: Path, tensors: Mapping[str, Tensor], header: object) -> None:
    """Write tensors and a JSON header as one safetensors file."""
    whole = {name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}
    content = save(whole, {HEADER: json.dumps(header)})
    with complete(path) as partial:
        partial.write_bytes(content)


def read_tensors(path: Path, begin: str = "") -> dict[str, Tensor]:
    """Read the tensors of a safetensors file whose names begin so to the CPU.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        with safe_open(existing(path, "weights"), framework="pt") as file:
            names = [name for name in file.keys() if name.startswith(begin)]  # noqa: SIM118
            return {name: file.get_tensor(name) for name in names}
    except SafetensorError as error:
        raise _damaged(path, error) from error


def read_header(path: Path) -> dict[str, Any]:
    """Read the JSON header that :func:`write_tensors` wrote.

    Raises:
        UserError: the file is missing or damaged, or has no such header.
    """
    try:
        with safe_open(existing(path, "weights"), framework="pt") as file:
            header = json.loads((file.metadata() or {})[HEADER])
    except (SafetensorError, KeyError, ValueError) as error:
        raise _damaged(path, error) from error
    assert isinstance(header, dict)
    return header


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _damaged(path: Path, error: Exception) -> UserError:
    return UserError(f"{path} is not a whole safetensors file of pyspeech ({error}); remove it and run training again")
