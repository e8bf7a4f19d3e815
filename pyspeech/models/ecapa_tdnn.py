"""ECAPA-TDNN (Desplanques, Thienpondt, Demuynck 2020, https://arxiv.org/abs/2005.07143)."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from pyspeech.arguments import Count, Fraction
from pyspeech.models.contract import OutputPer
from pyspeech.models.embedding import EmbeddingLayer
from pyspeech.models.masking import frame_mask
from pyspeech.models.pooling import ChannelAttentiveStatistics
from pyspeech.models.time_delay import TimeDelay

DILATIONS = (2, 3, 4)  # of the blocks
SCALE = 8  # groups of channels in a block
Channels = Annotated[int, Field(gt=0, multiple_of=SCALE)]


class EcapaTdnn(nn.Module):
    """``[B, T, F]`` features -> embeddings ``[B, embedding_width]``.

    A time-delay layer, three blocks, each of which hears the sum of all before it; the outputs of all three together
    (``pooled_channels``) are pooled. ``attention_width`` is that of the squeeze-excitation and of the pooling.
    """

    output_per: OutputPer = "utterance"

    def __init__(
        self,
        *,
        num_features: int,
        channels: Channels,
        pooled_channels: Count,
        attention_width: Count,
        embedding_width: Count,
        dropout: Fraction,
    ) -> None:
        super().__init__()
        self.embedding_width = embedding_width
        self.first = TimeDelay(num_inputs=num_features, width=channels, kernel=5)
        self.blocks = nn.ModuleList(
            _Block(channels=channels, dilation=dilation, squeezed=attention_width) for dilation in DILATIONS
        )
        self.aggregation = nn.Conv1d(len(DILATIONS) * channels, pooled_channels, 1)
        self.pooling = ChannelAttentiveStatistics(num_inputs=pooled_channels, attention_width=attention_width)
        self.embedding = EmbeddingLayer(num_inputs=self.pooling.num_outputs, width=embedding_width, dropout=dropout)

    def forward(self, features_BTF: Tensor, lengths_B: Tensor) -> Tensor:
        lengths_B = lengths_B.to(features_BTF.device)
        mask_BT = frame_mask(lengths_B, features_BTF.shape[1])
        heard_BCT = self.first((features_BTF * mask_BT[:, :, None]).transpose(1, 2), mask_BT)
        outputs = []
        for block in self.blocks:
            outputs.append(block(heard_BCT, mask_BT))
            heard_BCT = heard_BCT + outputs[-1]
        x_BCT = functional.relu(self.aggregation(torch.cat(outputs, dim=1)))
        embeddings_BD: Tensor = self.embedding(self.pooling(x_BCT, lengths_B))
        return embeddings_BD


class _Block(nn.Module):
    """SE-Res2Block (section 3.2): ``[B, C, T] -> [B, C, T]`` with a path around it."""

    def __init__(self, *, channels: int, dilation: int, squeezed: int) -> None:
        super().__init__()
        self.before = TimeDelay(num_inputs=channels, width=channels, kernel=1)
        self.res2 = _Res2(channels=channels, dilation=dilation)
        self.after = TimeDelay(num_inputs=channels, width=channels, kernel=1)
        self.gates = nn.Sequential(
            nn.Linear(channels, squeezed), nn.ReLU(), nn.Linear(squeezed, channels), nn.Sigmoid()
        )

    def forward(self, x_BCT: Tensor, mask_BT: Tensor) -> Tensor:
        y_BCT = self.after(self.res2(self.before(x_BCT, mask_BT), mask_BT), mask_BT)
        # Squeeze and excitation (eq. 4 and 5): the mean over the utterance's frames says how much each channel counts.
        mean_BC = y_BCT.sum(2) / mask_BT.sum(1)[:, None]
        gated_BCT: Tensor = x_BCT + y_BCT * self.gates(mean_BC)[:, :, None]
        return gated_BCT


class _Res2(nn.Module):
    """Res2Net (https://arxiv.org/abs/1904.01169): each group of channels but the first hears those before it too."""

    def __init__(self, *, channels: int, dilation: int) -> None:
        super().__init__()
        width = channels // SCALE
        self.layers = nn.ModuleList(
            TimeDelay(num_inputs=width, width=width, kernel=3, dilation=dilation) for _ in range(SCALE - 1)
        )

    def forward(self, x_BCT: Tensor, mask_BT: Tensor) -> Tensor:
        first, *others = x_BCT.chunk(SCALE, dim=1)
        outputs = [first]
        for layer, group in zip(self.layers, others, strict=True):
            heard = group if len(outputs) == 1 else group + outputs[-1]
            outputs.append(layer(heard, mask_BT))
        return torch.cat(outputs, dim=1)
