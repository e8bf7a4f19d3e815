"""Gradient checkpointing (https://arxiv.org/abs/1604.06174): computed again in the backward pass instead of stored."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pyspeech.models.masking import RECOMPUTING


def checkpointed(wanted: bool, part: Callable[..., Tensor], *inputs: Tensor | nn.Module) -> Tensor:
    """Return ``part(*inputs)``; if ``wanted``, of what it computes nothing is stored but its inputs and outputs.

    Dropout is the same the second time, and running statistics change the first time alone.
    """
    if not wanted:
        return part(*inputs)
    times = 0

    def run(*inputs: Tensor | nn.Module) -> Tensor:
        nonlocal times
        times += 1
        token = RECOMPUTING.set(times > 1)
        try:
            return part(*inputs)
        finally:
            RECOMPUTING.reset(token)

    outputs: Tensor = checkpoint(run, *inputs, use_reentrant=False)
    return outputs
