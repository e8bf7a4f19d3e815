"""The Conformer of ``pyspeech.models`` as icefall writes it: frames first, attention spelled out, 1-D convolutions.

How that is, https://github.com/k2-fsa/icefall shows in egs/librispeech/ASR/conformer_ctc/conformer.py. Its positions
are Transformer-XL's, which cost a second product for every pair of frames; here they are ours, turned angles, so that
the networks are the same.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from pyspeech.models.conformer import CHANNELS, FREQUENCY_STRIDE, TIME_STRIDES
from pyspeech.models.rotary import BASE

Positions = tuple[Tensor, Tensor]  # cosine and sine of each frame's angles


class Conformer(nn.Module):
    """As :class:`pyspeech.models.conformer.Conformer`."""

    def __init__(  # noqa: PLR0913 -- as ours
        self,
        *,
        num_features: int,
        num_outputs: int,
        width: int,
        heads: int,
        layers: int,
        feed_forward: int,
        kernel: int,
        subsampling: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.subsampling = subsampling
        self.head_width = width // heads
        self.convs = nn.Sequential()
        for inputs, stride in zip((1, CHANNELS), TIME_STRIDES[subsampling], strict=True):
            reach = max(1, stride - 1)
            size, strides = (2 * reach + 1, 3), (stride, FREQUENCY_STRIDE)
            self.convs.append(nn.Conv2d(inputs, CHANNELS, size, stride=strides, padding=(reach, 1)))
            self.convs.append(nn.ReLU(inplace=True))
        self.linear = nn.Linear(CHANNELS * -(-num_features // FREQUENCY_STRIDE**2), width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(_Block(width, heads, feed_forward, kernel, dropout) for _ in range(layers))
        self.output = nn.Linear(width, num_outputs)

    def forward(self, features_BTF: Tensor, lengths_B: Tensor) -> Tensor:
        x_BTD = self.dropout(self.linear(self.convs(features_BTF[:, None]).permute(0, 2, 3, 1).flatten(2)))
        frames = torch.arange(x_BTD.shape[1])
        padding_BT = (frames >= -(-lengths_B[:, None] // self.subsampling)).to(x_BTD.device)
        x_TBD = x_BTD.permute(1, 0, 2)
        positions = _positions(len(x_TBD), self.head_width, x_TBD.device)
        for block in self.blocks:
            x_TBD = block(x_TBD, padding_BT, positions)
        return functional.log_softmax(self.output(x_TBD).permute(1, 0, 2), dim=-1)


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, feed_forward: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.macaron = _feed_forward(width, feed_forward, dropout)
        self.attention_norm = nn.LayerNorm(width)
        self.attention = _Attention(width, heads)
        self.convolution_norm = nn.LayerNorm(width)
        self.convolution = _Convolution(width, kernel)
        self.feed_forward = _feed_forward(width, feed_forward, dropout)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_TBD: Tensor, padding_BT: Tensor, positions: Positions) -> Tensor:
        x_TBD = x_TBD + 0.5 * self.dropout(self.macaron(x_TBD))
        x_TBD = x_TBD + self.dropout(self.attention(self.attention_norm(x_TBD), padding_BT, positions))
        x_TBD = x_TBD + self.dropout(self.convolution(self.convolution_norm(x_TBD)))
        x_TBD = x_TBD + 0.5 * self.dropout(self.feed_forward(x_TBD))
        y_TBD: Tensor = self.norm(x_TBD)
        return y_TBD


class _Swish(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x * torch.sigmoid(x)
        return y


def _feed_forward(width: int, inner: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.LayerNorm(width), nn.Linear(width, inner), _Swish(), nn.Dropout(dropout), nn.Linear(inner, width)
    )


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.inputs = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(self, x_TBD: Tensor, padding_BT: Tensor, positions: Positions) -> Tensor:
        T, B, D = x_TBD.shape
        q, k, v = (part.contiguous().view(T, B, self.heads, -1) for part in self.inputs(x_TBD).chunk(3, dim=-1))
        q_BHTD = _turned(q, positions).permute(1, 2, 0, 3) * (D // self.heads) ** -0.5
        k_BHDT = _turned(k, positions).permute(1, 2, 3, 0)
        scores_BHTT = torch.matmul(q_BHTD, k_BHDT).masked_fill(padding_BT[:, None, None], float("-inf"))
        heard_BHTD = torch.matmul(functional.softmax(scores_BHTT, dim=-1), v.permute(1, 2, 0, 3))
        y_TBD: Tensor = self.output(heard_BHTD.permute(2, 0, 1, 3).contiguous().view(T, B, D))
        return y_TBD


def _positions(frames: int, width: int, device: torch.device) -> Positions:
    speeds = BASE ** (-torch.arange(0, width, 2, device=device) / width)
    angles = torch.arange(frames, device=device)[:, None, None, None] * speeds
    return angles.cos(), angles.sin()


def _turned(x_TBHD: Tensor, positions: Positions) -> Tensor:
    cos, sin = positions
    even, odd = x_TBHD[..., ::2], x_TBHD[..., 1::2]
    turned_TBHD: Tensor = torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(3)
    return turned_TBHD


class _Convolution(nn.Module):
    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(width, 2 * width, 1)
        self.depthwise = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width, bias=False)
        self.norm = nn.BatchNorm1d(width)
        self.swish = _Swish()
        self.last = nn.Conv1d(width, width, 1)

    def forward(self, x_TBD: Tensor) -> Tensor:
        y_BDT = functional.glu(self.first(x_TBD.permute(1, 2, 0)), dim=1)
        y_TBD: Tensor = self.last(self.swish(self.norm(self.depthwise(y_BDT)))).permute(2, 0, 1)
        return y_TBD
