"""Conformer (Gulati et al. 2020, https://arxiv.org/abs/2005.08100): self-attention and convolutions in turn."""

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from pyspeech.arguments import Count, Fraction
from pyspeech.errors import UserError
from pyspeech.models.checkpointing import checkpointed
from pyspeech.models.contract import OutputPer
from pyspeech.models.masking import MaskedBatchNorm, frame_mask, strided_lengths
from pyspeech.models.precision import at_least_float32, log_probabilities
from pyspeech.models.rotary import RotaryAttention, rotations

CHANNELS = 32  # of the first convolutions: the paper's full width would cost as much as all that follows
TIME_STRIDES = {2: (2, 1), 3: (3, 1), 4: (2, 2)}  # of the first convolutions, by subsampling
FREQUENCY_STRIDE = 2  # of each of them
# Frames are padded to a multiple of these on the CPU: oneDNN prepares a product for its shape, which took a quarter of
# the time of training in bf16 where nearly every batch had another number of frames.
FRAMES_MULTIPLE = 16


class Conformer(nn.Module):
    """``[B, T, F]`` features -> log-probabilities ``[B, ceil(T / subsampling), V]``; token 0 is the blank.

    Two 2-D convolutions that take every so many frames, ``layers`` blocks (half a feed-forward layer, self-attention,
    convolution of ``kernel`` frames, the other half; each with a path around it), and a row of output tokens.
    """

    output_per: OutputPer = "frame"
    look_ahead = None
    gradient_checkpointing = False

    def __init__(  # noqa: PLR0913 -- its settings, each by name
        self,
        *,
        num_features: int,
        num_outputs: int,
        width: Count,
        heads: Count,
        layers: Count,
        feed_forward: Count,
        kernel: Count,
        subsampling: Literal[2, 3, 4],
        dropout: Fraction,
    ) -> None:
        super().__init__()
        _check(width, heads, kernel)
        self.subsampling = subsampling
        self.head_width = width // heads
        self.first = _Subsampling(num_features=num_features, width=width, strides=TIME_STRIDES[subsampling])
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            _Block(width=width, heads=heads, feed_forward=feed_forward, kernel=kernel, dropout=dropout)
            for _ in range(layers)
        )
        self.output = nn.Linear(width, num_outputs)

    def forward(self, features_BTF: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        output_lengths_B = strided_lengths(lengths_B, self.subsampling)  # on the CPU they need not wait for a GPU
        lengths_B = lengths_B.to(features_BTF.device, non_blocking=True)
        num_frames = features_BTF.shape[1]
        if not features_BTF.is_cuda:
            features_BTF = functional.pad(features_BTF, (0, 0, 0, -num_frames % FRAMES_MULTIPLE))
        x_BTD, lengths_B = self.first(features_BTF, lengths_B)
        # What goes round the blocks is float32: each adds a little to it.
        x_BTD = self.dropout(at_least_float32(x_BTD))
        mask_BT = frame_mask(lengths_B, x_BTD.shape[1])
        turns_TD = rotations(x_BTD.shape[1], self.head_width, x_BTD.device)
        for block in self.blocks:
            x_BTD = checkpointed(self.gradient_checkpointing, block, x_BTD, mask_BT, turns_TD)
        x_BTD = x_BTD[:, : -(-num_frames // self.subsampling)]
        return log_probabilities(self.output(x_BTD)), output_lengths_B


def _check(width: int, heads: int, kernel: int) -> None:
    if width % (2 * heads):
        raise UserError(
            f"model.width = {width}: each of {heads} heads takes an even part of it; choose a multiple of {2 * heads}"
        )
    if kernel % 2 == 0:
        raise UserError(f"model.kernel = {kernel}: it has a middle frame, so it is odd; choose {kernel + 1}")


class _Subsampling(nn.Module):
    """``[B, T, F]`` and lengths -> ``[B, ceil(T / stride), width]`` and theirs; padding is not felt."""

    def __init__(self, *, num_features: int, width: int, strides: tuple[int, int]) -> None:
        super().__init__()
        self.strides = strides
        # A kernel of 3, or of 5 where it moves by 3, so that neighbours overlap.
        reaches = [max(1, stride - 1) for stride in strides]
        self.convs = nn.ModuleList(
            nn.Conv2d(inputs, CHANNELS, (2 * reach + 1, 3), stride=(stride, FREQUENCY_STRIDE), padding=(reach, 1))
            for inputs, stride, reach in zip((1, CHANNELS), strides, reaches, strict=True)
        )
        num_rows = -(-num_features // FREQUENCY_STRIDE ** len(strides))
        self.linear = nn.Linear(CHANNELS * num_rows, width)

    def forward(self, features_BTF: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        # Channels last in memory: two thirds of the time on the CPU, and what the tensor cores of GPUs read.
        x_BTFC = (features_BTF * frame_mask(lengths_B, features_BTF.shape[1])[:, :, None])[:, :, :, None]
        for conv, stride in zip(self.convs, self.strides, strict=True):
            x_BTFC = conv(x_BTFC.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
            lengths_B = strided_lengths(lengths_B, stride)
            # In place: these are the largest tensors of the network.
            x_BTFC = x_BTFC.mul_(frame_mask(lengths_B, x_BTFC.shape[1])[:, :, None, None]).relu_()
        return self.linear(x_BTFC.flatten(2)), lengths_B


class _Block(nn.Module):
    """Figure 1 of the paper: ``[B, T, D] -> [B, T, D]``."""

    def __init__(self, *, width: int, heads: int, feed_forward: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.before = _FeedForward(width=width, inner=feed_forward, dropout=dropout)
        self.attention_norm = nn.LayerNorm(width)
        self.attention = RotaryAttention(width=width, heads=heads)
        self.convolution = _Convolution(width=width, kernel=kernel)
        self.after = _FeedForward(width=width, inner=feed_forward, dropout=dropout)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_BTD: Tensor, mask_BT: Tensor, turns_TD: Tensor) -> Tensor:
        x_BTD = x_BTD.add(self.dropout(self.before(x_BTD)), alpha=0.5)
        x_BTD = x_BTD + self.dropout(self.attention(self.attention_norm(x_BTD), mask_BT, turns_TD))
        x_BTD = x_BTD + self.dropout(self.convolution(x_BTD, mask_BT))
        x_BTD = x_BTD.add(self.dropout(self.after(x_BTD)), alpha=0.5)
        y_BTD: Tensor = self.norm(x_BTD)
        return y_BTD


class _FeedForward(nn.Sequential):
    """Figure 4 of the paper, without its last dropout."""

    def __init__(self, *, width: int, inner: int, dropout: float) -> None:
        super().__init__(
            nn.LayerNorm(width), nn.Linear(width, inner), nn.SiLU(), nn.Dropout(dropout), nn.Linear(inner, width)
        )


class _Convolution(nn.Module):
    """Figure 2 of the paper, without its last dropout: a gate, each channel over time for itself, batch norm."""

    def __init__(self, *, width: int, kernel: int) -> None:
        super().__init__()
        self.first_norm = nn.LayerNorm(width)
        self.first = nn.Linear(width, 2 * width)
        # As a picture of one row whose channels come last in memory: that is how the frames lie already, and
        # the CPU takes a tenth (forward) to a half (in all) of the time that Conv1d takes under torch 1.13.
        self.depthwise = nn.Conv2d(width, width, (1, kernel), padding=(0, kernel // 2), groups=width, bias=False)
        self.norm = MaskedBatchNorm(num_channels=width)
        self.last = nn.Linear(width, width)

    def forward(self, x_BTD: Tensor, mask_BT: Tensor) -> Tensor:
        y_BTD = functional.glu(self.first(self.first_norm(x_BTD)), dim=2) * mask_BT[:, :, None]
        y_BDT = self.depthwise(y_BTD.transpose(1, 2)[:, :, None])[:, :, 0]
        y_BTD = functional.silu(self.norm(y_BDT, mask_BT).transpose(1, 2))
        last_BTD: Tensor = self.last(y_BTD)
        return last_BTD
