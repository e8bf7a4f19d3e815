"""Checkpoints: weights, optimiser state and history in one safetensors file, which can hold no code."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from pydantic import FiniteFloat, NonNegativeInt, PositiveInt, TypeAdapter, ValidationError
from torch import Tensor, nn

from pyspeech.errors import UserError
from pyspeech.tensor_files import read_header, read_tensors, write_tensors
from pyspeech.training.json_lines import Position
from pyspeech.training.step_totals import Sums

MODEL, OPTIMIZER = "model.", "optimizer."
WHAT, REMEDY = "checkpoint", "remove it, and training goes on from the one before"


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

    epoch: NonNegativeInt = 0
    batches: NonNegativeInt = 0
    step: NonNegativeInt = 0
    done: FiniteFloat = 0.0
    batches_per_step: PositiveInt = 1
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
    tensors = read_tensors(path, WHAT, REMEDY)
    progress = read_progress(path)
    try:
        model.load_state_dict(_part(tensors, MODEL))
    except RuntimeError as error:
        raise UserError(f"{path} is of another model than the configuration's; train into a new folder") from error
    for name, parameter in model.named_parameters():
        state = _part(tensors, f"{OPTIMIZER}{name}.")
        for key, tensor in state.items():
            if tensor.shape not in (parameter.shape, ()):
                raise UserError(f"{path}: tensor '{OPTIMIZER}{name}.{key}' has shape {list(tensor.shape)}; {REMEDY}")
        # AdamW keeps its step count on the CPU.
        optimizer.state[parameter] = {
            key: tensor if key == "step" else tensor.to(parameter.device) for key, tensor in state.items()
        }
    return progress


def read_progress(path: Path) -> Progress:
    """Read the history alone, without the tensors.

    Raises:
        UserError: the file is damaged, or is no checkpoint.
    """
    header = read_header(path, WHAT, REMEDY)
    if header.keys() != {each.name for each in fields(Progress)}:
        raise UserError(f"{path} is no checkpoint, or one of another version; {REMEDY}")
    try:
        return TypeAdapter(Progress).validate_python(header)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(f"{path}: {where} = {first['input']!r}: {first['msg']}; {REMEDY}") from error


def load_weights(path: Path) -> dict[str, Tensor]:
    """Read the network's tensors of a checkpoint."""
    return _part(read_tensors(path, WHAT, REMEDY, MODEL), MODEL)


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
