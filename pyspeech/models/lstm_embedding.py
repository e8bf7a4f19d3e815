"""Bidirectional LSTM layers, pooled over time into one embedding of the utterance, and a row of outputs.

An x-vector (Snyder et al. 2018, https://doi.org/10.1109/ICASSP.2018.8461375) whose frames come from LSTM layers.
"""

from torch import Tensor, nn
from torch.nn import functional

from pyspeech.models.lstm import BidirectionalLstm
from pyspeech.models.masking import MaskedBatchNorm, frame_mask, strided_lengths
from pyspeech.models.pooling import AttentiveStatistics


class LstmEmbedding(nn.Module):
    """``[B, T, F]`` features -> logits ``[B, V]``, one for each label; ``embed`` stops before them.

    ``subsampling`` neighbouring frames are stacked into one, which makes everything after it so many times cheaper.
    """

    output_per = "utterance"
    subsampling = 3

    def __init__(
        self,
        *,
        num_features: int,
        num_outputs: int,
        lstm_width: int,
        lstm_layers: int,
        attention_width: int,
        embedding_width: int,
        dropout: float,
    ) -> None:
        super().__init__()
        widths = [self.subsampling * num_features] + [2 * lstm_width] * lstm_layers
        self.lstms = nn.ModuleList(BidirectionalLstm(num_inputs=w, width=lstm_width) for w in widths[:-1])
        self.norms = nn.ModuleList(MaskedBatchNorm(num_channels=2 * lstm_width) for _ in range(lstm_layers))
        self.pooling = AttentiveStatistics(num_inputs=widths[-1], attention_width=attention_width)
        self.embedding = nn.Linear(2 * widths[-1], embedding_width)
        # Over the width rather than the batch: an utterance's embedding owes nothing to those beside it.
        self.embedding_norm = nn.LayerNorm(embedding_width)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(embedding_width, num_outputs)

    def forward(self, features_BTF: Tensor, lengths_B: Tensor) -> Tensor:
        logits_BV: Tensor = self.output(self.dropout(self.embed(features_BTF, lengths_B)))
        return logits_BV

    def embed(self, features_BTF: Tensor, lengths_B: Tensor) -> Tensor:
        """Return the embeddings ``[B, D]``, to be compared by their cosine."""
        lengths_B = lengths_B.to(features_BTF.device)
        x_BTD = self._stacked(features_BTF * frame_mask(lengths_B, features_BTF.shape[1])[:, :, None])
        lengths_B = strided_lengths(lengths_B, self.subsampling)
        mask_BT = frame_mask(lengths_B, x_BTD.shape[1])
        for lstm, norm in zip(self.lstms, self.norms, strict=True):
            y_BTD = norm(lstm(x_BTD, lengths_B).transpose(1, 2), mask_BT).transpose(1, 2)
            x_BTD = self.dropout(y_BTD)
        embeddings_BD: Tensor = self.embedding_norm(self.embedding(self.pooling(x_BTD, lengths_B)))
        return embeddings_BD

    def _stacked(self, x_BTF: Tensor) -> Tensor:
        B, T, F = x_BTF.shape
        x_BTF = functional.pad(x_BTF, (0, 0, 0, -T % self.subsampling))
        stacked_BTD: Tensor = x_BTF.reshape(B, -1, self.subsampling * F)
        return stacked_BTD
