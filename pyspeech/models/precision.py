"""What is computed in float32 whatever the rest of a network is computed in (bf16, fp16)."""

import torch
from torch import Tensor
from torch.nn import functional


def at_least_float32(x: Tensor) -> Tensor:
    """Return ``x`` in float32, or as it is where that or float64 is its type."""
    raised: Tensor = x.to(torch.promote_types(x.dtype, torch.float32))
    return raised


def log_probabilities(logits: Tensor) -> Tensor:
    """Log-softmax over the last axis, in float32 at least: bf16 has three digits, and CTC adds up hundreds."""
    return functional.log_softmax(at_least_float32(logits), dim=-1)
