"""Self-attention that knows how far apart two frames are (Su et al. 2021, https://arxiv.org/abs/2104.09864).

Queries and keys are turned by an angle that grows with their frame, so that their product depends on the distance
alone. Transformer-XL's positions, which the Conformer's paper has, add a second product of ``[T, T]`` for each head,
which the fused kernels of GPUs do not compute; rotary ones recognise speech as well (https://arxiv.org/abs/2501.06051).
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pyspeech.models.precision import at_least_float32

BASE = 10_000.0  # slowest turns, in frames: 2 pi of it
FUSED: Any = getattr(functional, "scaled_dot_product_attention", None)  # torch 2 has it
# Frames up to which the CPU is slower in the fused kernel than in products of matrices: three times in bf16 at 110.
FEW_FRAMES = 500


def rotations(num_frames: int, head_width: int, device: torch.device) -> Tensor:
    """How far each pair of dimensions is turned in each frame (eq. 14): complex, modulus 1, ``[T, head_width / 2]``."""
    # In float32 whatever the network computes in: the angle of frame 1000 has no decimals left in bf16.
    theta_D = BASE ** (-torch.arange(0, head_width, 2, dtype=torch.float32, device=device) / head_width)
    angles_TD = torch.arange(num_frames, dtype=torch.float32, device=device)[:, None] * theta_D
    return torch.polar(torch.ones_like(angles_TD), angles_TD)


class RotaryAttention(nn.Module):
    """Each frame hears all true frames of its utterance: ``[B, T, D] -> [B, T, D]``, with :func:`rotations`.

    The width is a multiple of twice the heads.
    """

    def __init__(self, *, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.inputs = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(self, x_BTD: Tensor, mask_BT: Tensor, turns_TD: Tensor) -> Tensor:
        B, T, D = x_BTD.shape
        queries_and_keys, v = self.inputs(x_BTD).view(B, T, 3, self.heads, D // self.heads).split([2, 1], dim=2)
        q_BHTD, k_BHTD = _turned(queries_and_keys, turns_TD).permute(2, 0, 3, 1, 4)
        heard_BHTD = _attend(q_BHTD, k_BHTD, v[:, :, 0].transpose(1, 2), mask_BT)
        y_BTD: Tensor = self.output(heard_BHTD.transpose(1, 2).reshape(B, T, D))
        return y_BTD


def _turned(x: Tensor, turns_TD: Tensor) -> Tensor:
    """Turn each pair of neighbours in the last axis of ``[B, T, 2, H, D]`` (eq. 15), as one complex number."""
    pairs = torch.view_as_complex(at_least_float32(x).view(*x.shape[:-1], -1, 2))
    turned: Tensor = torch.view_as_real(pairs * turns_TD[:, None, None]).flatten(-2).to(x.dtype)
    return turned


def _attend(q_BHTD: Tensor, k_BHTD: Tensor, v_BHTD: Tensor, mask_BT: Tensor) -> Tensor:
    mask_B11T = mask_BT[:, None, None]
    heard_BHTD: Tensor
    if FUSED is not None and (q_BHTD.is_cuda or q_BHTD.shape[2] > FEW_FRAMES):
        heard_BHTD = FUSED(q_BHTD, k_BHTD, v_BHTD, attn_mask=mask_B11T)
    else:
        scores_BHTT = (q_BHTD / math.sqrt(q_BHTD.shape[3])) @ k_BHTD.transpose(2, 3)
        heard_BHTD = scores_BHTT.masked_fill_(~mask_B11T, -torch.inf).softmax(3) @ v_BHTD
    return heard_BHTD
