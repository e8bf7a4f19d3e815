"""The average of checkpoints, which is better than any of them: at the end of a training, and of others afterwards."""

import logging
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from torch import Tensor

from pyspeech.config import load_config
from pyspeech.decoding.token_offsets import OFFSETS
from pyspeech.errors import UserError
from pyspeech.files import complete, existing, refuse_others
from pyspeech.locks import only_writer
from pyspeech.own_code import CODE
from pyspeech.scoring.wer import shortened
from pyspeech.tasks.network import CONFIG, MODEL
from pyspeech.tasks.recognition import TRAIN_WORDS
from pyspeech.tasks.task import Table
from pyspeech.tensor_files import write_tensors
from pyspeech.training.checkpoint import REMEDY, checkpoint_path, load_weights, read_progress, stored_steps
from pyspeech.training.history import DEV_LOSS, ERROR_PREFIX
from pyspeech.training.origin import ORIGIN

Ranking = Literal["last", "best"]
Metrics = Sequence[Mapping[str, Any]]
BESIDE = (CONFIG, CODE, TRAIN_WORDS, OFFSETS, ORIGIN, *get_args(Table))  # what is used together with a model
SHOWN_EPOCHS = 20
log = logging.getLogger(__name__)


def average(exp: Path, wanted: Ranking | Sequence[float], count: int = 0, out: Path | None = None) -> Path:
    """Average checkpoints of the training in ``exp`` into its model, or into a folder that is used like it.

    Args:
        exp: Folder of the training; without ``out`` one that has ended.
        wanted: The epochs, as the validations tell them, or what the first ``count`` of all are to be.
        count: Of the last, or of the best.
        out: Folder to write; the training then stays as it is, and may still run.

    Returns:
        The model that was written.

    Raises:
        UserError: a checkpoint that is wanted is not kept, or was never there; which are, is said. The training has
            not ended, or ``out`` holds other files.
    """
    if not (stored := stored_steps(existing(exp, "folder of a training"))):
        raise UserError(f"{exp} has no checkpoints (any more) to average; train again")
    metrics = _validations(checkpoint_path(exp, stored[-1]))
    if isinstance(wanted, str):
        if count > len(metrics):
            raise UserError(f"{exp} was validated {len(metrics)} times, not {count}; average that many, or train on")
        steps = chosen_steps(metrics, wanted, count, _error_key(metrics))
    else:
        steps = _steps_of(wanted, metrics, exp)
    _refuse_missing(steps, stored, metrics, exp)
    if out is None or out.resolve() == exp.resolve():
        existing(exp / MODEL, "model of a training that has ended (which it averages itself; --out makes one before)")
        with only_writer(exp):
            write_average(exp / MODEL, exp, steps, metrics)
        return exp / MODEL
    refuse_others(out, {*BESIDE, MODEL}, "an averaged model")
    with complete(out) as partial:
        partial.mkdir()
        for name in BESIDE:
            if (exp / name).is_dir():
                shutil.copytree(exp / name, partial / name)
            elif (exp / name).exists():
                shutil.copyfile(exp / name, partial / name)
        write_average(partial / MODEL, exp, steps, metrics)
    return out / MODEL


def write_average(
    path: Path,
    exp: Path,
    steps: Sequence[int],
    metrics: Metrics,
    finish: Callable[[Mapping[str, Tensor]], None] = lambda _: None,
) -> None:
    """Average the checkpoints of these steps, of the validations ``metrics`` of the training in ``exp``.

    ``finish`` is called with the weights before the file is there.
    """
    weights = average_weights(checkpoint_path(exp, step) for step in steps)
    finish(weights)
    epochs = [line["epoch"] for line in metrics if line["step"] in steps]
    write_tensors(path, weights, {"steps": steps, "epochs": epochs})
    log.info(f"the model is the average of epoch{'s' * (len(epochs) > 1)} {_listed(epochs)}")


def chosen_steps(metrics: Metrics, ranking: Ranking, count: int, error_key: str) -> list[int]:
    """Steps of ``count`` validations: the last, or those with the least dev errors (then loss)."""
    if ranking == "last":
        ranked = sorted(metrics, key=lambda line: -line["step"])
    else:
        ranked = sorted(metrics, key=lambda line: (line[error_key], line[DEV_LOSS], line["step"]))
    return sorted(line["step"] for line in ranked[:count])


def average_weights(paths: Iterable[Path]) -> dict[str, Tensor]:
    """Average the networks of checkpoints (https://arxiv.org/abs/1803.05407).

    Batch statistics too; what is not a real number comes from the last one.
    """
    total: dict[str, Tensor] = {}
    count = 0
    for count, path in enumerate(paths, 1):  # noqa: B007
        for name, tensor in load_weights(path).items():
            if tensor.is_floating_point():
                # Sums of many float32 weights in double, so that averaging equal networks changes nothing.
                total[name] = tensor.double() + total[name] if name in total else tensor.double()
            else:
                total[name] = tensor
    assert count > 0
    return {name: _mean(tensor, count) for name, tensor in total.items()}


def _mean(total: Tensor, count: int) -> Tensor:
    if total.is_floating_point():
        total = total.div(count).float()
    return total


def _validations(checkpoint: Path) -> Metrics:
    """Read those that a checkpoint knows of."""
    metrics = read_progress(checkpoint).metrics
    if not metrics:
        raise UserError(f"{checkpoint} was written before the first validation; wait for one")
    needed = ("epoch", DEV_LOSS, _error_key(metrics))
    for line in metrics:
        if type(line.get("step")) is not int or not all(isinstance(line.get(key), int | float) for key in needed):
            raise UserError(f"{checkpoint}: a validation lacks step, {' or '.join(needed)}; {REMEDY}")
    return metrics


def _error_key(metrics: Metrics) -> str:
    """The figure on dev that all tasks have besides the loss, by the name of each."""
    return next((key for key in metrics[0] if key.startswith(ERROR_PREFIX) and key != DEV_LOSS), f"{ERROR_PREFIX}error")


def _steps_of(epochs: Sequence[float], metrics: Metrics, exp: Path) -> list[int]:
    steps = {line["epoch"]: line["step"] for line in metrics}
    if unknown := [epoch for epoch in epochs if epoch not in steps]:
        raise UserError(
            f"{exp} has no epoch {unknown[0]:g} that was validated, but {_listed(list(steps))}; choose of these"
        )
    return sorted({steps[epoch] for epoch in epochs})


def _refuse_missing(steps: Sequence[int], stored: Sequence[int], metrics: Metrics, exp: Path) -> None:
    missing = [line["epoch"] for line in metrics if line["step"] in steps and line["step"] not in stored]
    if not missing:
        return
    kept = load_config(existing(exp / CONFIG, "configuration of this training")).training
    rule = f"the {kept.average} {kept.average_epochs}" + (" and the last" if kept.average == "best" else "")
    there = [line["epoch"] for line in metrics if line["step"] in stored]
    raise UserError(
        f"{exp} has no checkpoint of epoch {_listed(missing)} any more: training.average = {kept.average} with "
        f"training.average_epochs = {kept.average_epochs} keeps {rule}, which are those of {_listed(there)}; choose of "
        "these, or train with more average_epochs"
    )


def _listed(epochs: Sequence[float]) -> str:
    return shortened([f"{epoch:g}" for epoch in epochs], SHOWN_EPOCHS)
