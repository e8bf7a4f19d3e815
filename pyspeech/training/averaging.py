"""The mean of the weights at several steps, which is a better network than any of them (https://arxiv.org/abs/1803.05407)."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from pyspeech.config import TrainingConfig
from pyspeech.training.checkpoint import load_weights


def chosen_steps(metrics: Sequence[dict[str, Any]], config: TrainingConfig, error_name: str) -> list[int]:
    """Steps to average, of the validations in ``metrics``: the last, or those with the least dev errors (then loss)."""
    if config.average == "last":
        ranked = sorted(metrics, key=lambda line: -line["step"])
    else:
        ranked = sorted(metrics, key=lambda line: (line[f"dev_{error_name}"], line["dev_loss"], line["step"]))
    return sorted(line["step"] for line in ranked[: config.average_epochs])


def average_weights(paths: Iterable[Path]) -> dict[str, Tensor]:
    """Average the networks of checkpoints, batch statistics too; what is not a real number comes from the last one."""
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
