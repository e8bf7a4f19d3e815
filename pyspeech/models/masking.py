"""Padding that cannot be felt: masks from lengths, batch statistics over real frames only."""

from contextvars import ContextVar

import torch
from torch import Tensor, nn

from pyspeech.models.precision import at_least_float32

# Whether a part of a network is computed again in the backward pass: batches are remembered once.
RECOMPUTING: ContextVar[bool] = ContextVar("RECOMPUTING", default=False)


def frame_mask(lengths_B: Tensor, num_frames: int) -> Tensor:
    """True where a frame is real, False where it is padding: ``[B, T]`` on the device of ``lengths_B``."""
    mask_BT: Tensor = torch.arange(num_frames, device=lengths_B.device)[None, :] < lengths_B[:, None]
    return mask_BT


def strided_lengths(lengths_B: Tensor, stride: int) -> Tensor:
    """Output frames of a convolution of odd kernel ``2 p + 1`` and padding ``p``: ``ceil(length / stride)``."""
    return torch.div(lengths_B + stride - 1, stride, rounding_mode="floor")


def reverse_frames(x_BTD: Tensor, lengths_B: Tensor) -> Tensor:
    """Turn every utterance round within its own length; padding stays at the end. It is its own inverse."""
    frames_T = torch.arange(x_BTD.shape[1], device=x_BTD.device)[None, :]
    last_B1 = lengths_B.to(x_BTD.device)[:, None] - 1
    index_BT = torch.where(frames_T <= last_B1, last_B1 - frames_T, frames_T)
    reversed_BTD: Tensor = x_BTD.gather(1, index_BT[:, :, None].expand_as(x_BTD))
    return reversed_BTD


class MaskedBatchNorm(nn.Module):
    """Batch normalisation (https://arxiv.org/abs/1502.03167) whose statistics count real frames only.

    ``forward(x, mask)``: channels are the second axis of ``x`` (``[B, C, T]`` or ``[B, C, T, F]``), ``mask_BT``
    says which frames are real. Padding comes out as zero, ready for the next convolution. Statistics are float32
    at least, whatever ``x`` is; the output has the type of ``x``.
    """

    running_mean: Tensor
    running_variance: Tensor

    def __init__(self, *, num_channels: int, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.momentum = momentum
        self.epsilon = epsilon
        self.scale = nn.Parameter(torch.ones(num_channels))
        self.shift = nn.Parameter(torch.zeros(num_channels))
        self.register_buffer("running_mean", torch.zeros(num_channels))
        self.register_buffer("running_variance", torch.ones(num_channels))

    def forward(self, x: Tensor, mask_BT: Tensor) -> Tensor:
        y: Tensor = self._normalised(at_least_float32(x), mask_BT).to(x.dtype)
        return y

    def _normalised(self, x: Tensor, mask_BT: Tensor) -> Tensor:
        # Crops of one length have no padding. To ask a GPU would mean to wait for it, and it gains little there.
        if self.training and mask_BT.device.type == "cpu" and bool(mask_BT.all()):
            return self._without_padding(x)
        mask = mask_BT[:, None, :, None] if x.dim() == 4 else mask_BT[:, None, :]
        x = x * mask
        if self.training:
            mean_C, variance_C = self._batch_statistics(x, mask)
        else:
            mean_C, variance_C = self.running_mean, self.running_variance
        gain_C: Tensor = self.scale * variance_C.add(self.epsilon).rsqrt()
        offset_C = self.shift - mean_C * gain_C
        per_channel = (1, -1) + (1,) * (x.dim() - 2)
        y: Tensor = (x * gain_C.view(per_channel) + offset_C.view(per_channel)) * mask
        return y

    def _batch_statistics(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        axes = [axis for axis in range(x.dim()) if axis != 1]
        count = mask.sum() * (x.shape[3] if x.dim() == 4 else 1)
        mean_C = x.sum(axes) / count
        # Mean square less squared mean: two passes over x fewer than centring it, exact enough for activations.
        variance_C = ((x * x).sum(axes) / count - mean_C * mean_C).clamp(min=0)
        self._remember(mean_C, variance_C)
        return mean_C, variance_C

    def _without_padding(self, x: Tensor) -> Tensor:
        """Normalise by torch's own kernel, in a third of the time; it is slow where channels are not outermost."""
        rows = x.transpose(1, 2)
        by_rows = x.dim() == 3 and rows.is_contiguous()
        y, mean_C, scale_C = torch.native_batch_norm(
            rows.flatten(0, 1) if by_rows else x, self.scale, self.shift, None, None, True, 0.0, self.epsilon
        )
        self._remember(mean_C, scale_C.pow(-2) - self.epsilon)
        return y.view(rows.shape).transpose(1, 2) if by_rows else y

    def _remember(self, mean_C: Tensor, variance_C: Tensor) -> None:
        if RECOMPUTING.get():
            return
        with torch.no_grad():
            self.running_mean.lerp_(mean_C, self.momentum)
            self.running_variance.lerp_(variance_C, self.momentum)
