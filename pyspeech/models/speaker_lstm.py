"""LSTM layers, pooled over time into one embedding of the utterance.

Pooled over all frames: an x-vector (Snyder et al. 2018, https://doi.org/10.1109/ICASSP.2018.8461375) whose frames come
from LSTM layers. Pooled to their last state, forward in time: the network of Wan et al. 2018
(https://arxiv.org/abs/1710.10467).
"""

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from pyspeech.arguments import Count, Fraction
from pyspeech.models.contract import OutputPer
from pyspeech.models.embedding import EmbeddingLayer
from pyspeech.models.lstm import BidirectionalLstm, Lstm
from pyspeech.models.masking import MaskedBatchNorm, frame_mask, strided_lengths
from pyspeech.models.pooling import AttentiveStatistics, LastStates


class SpeakerLstm(nn.Module):
    """``[B, T, F]`` features -> embeddings ``[B, embedding_width]``.

    ``subsampling`` neighbouring frames are stacked into one, which makes everything after it so many times cheaper.
    ``attention_width`` is that of the attentive pooling.
    """

    output_per: OutputPer = "utterance"
    subsampling = 3

    def __init__(
        self,
        *,
        num_features: int,
        lstm_width: Count,
        lstm_layers: Count,
        bidirectional: bool,
        pooling: Literal["attentive", "last"],
        attention_width: Count,
        embedding_width: Count,
        dropout: Fraction,
    ) -> None:
        super().__init__()
        self.bidirectional = bidirectional
        self.embedding_width = embedding_width
        layer = BidirectionalLstm if bidirectional else Lstm
        width = 2 * lstm_width if bidirectional else lstm_width
        widths = [self.subsampling * num_features] + [width] * lstm_layers
        self.lstms = nn.ModuleList(layer(num_inputs=w, width=lstm_width) for w in widths[:-1])
        self.norms = nn.ModuleList(MaskedBatchNorm(num_channels=width) for _ in range(lstm_layers))
        self.dropout = nn.Dropout(dropout)
        self.pooling = (
            AttentiveStatistics(num_inputs=width, attention_width=attention_width)
            if pooling == "attentive"
            else LastStates(num_inputs=width, bidirectional=bidirectional)
        )
        self.embedding = EmbeddingLayer(num_inputs=self.pooling.num_outputs, width=embedding_width, dropout=dropout)

    def forward(self, features_BTF: Tensor, lengths_B: Tensor) -> Tensor:
        lengths_B = lengths_B.to(features_BTF.device)
        x_BTD = self._stacked(features_BTF * frame_mask(lengths_B, features_BTF.shape[1])[:, :, None])
        lengths_B = strided_lengths(lengths_B, self.subsampling)
        mask_BT = frame_mask(lengths_B, x_BTD.shape[1])
        for number, (lstm, norm) in enumerate(zip(self.lstms, self.norms, strict=True)):
            y_BTD = lstm(x_BTD, lengths_B) if self.bidirectional else lstm(x_BTD)
            x_BTD = norm(y_BTD.transpose(1, 2), mask_BT).transpose(1, 2)
            if number < len(self.lstms) - 1:
                x_BTD = self.dropout(x_BTD)
        embeddings_BD: Tensor = self.embedding(self.pooling(x_BTD, lengths_B))
        return embeddings_BD

    def _stacked(self, x_BTF: Tensor) -> Tensor:
        B, T, F = x_BTF.shape
        x_BTF = functional.pad(x_BTF, (0, 0, 0, -T % self.subsampling))
        stacked_BTD: Tensor = x_BTF.reshape(B, -1, self.subsampling * F)
        return stacked_BTD
