"""The x-vector network (Snyder et al. 2018, https://doi.org/10.1109/ICASSP.2018.8461375).

The paper's embedding a, straight after the pooling, is the output here: the second layer that it trains behind it and
then throws away is left out.
"""

from torch import Tensor, nn

from pyspeech.arguments import Count, Fraction
from pyspeech.models.contract import OutputPer
from pyspeech.models.embedding import EmbeddingLayer
from pyspeech.models.masking import frame_mask
from pyspeech.models.pooling import Statistics
from pyspeech.models.time_delay import TimeDelay

LAYERS = ((5, 1), (3, 2), (3, 3), (1, 1))  # table 1 of the paper: kernel and dilation, 15 frames in all


class XVector(nn.Module):
    """``[B, T, F]`` features -> embeddings ``[B, embedding_width]``.

    Time-delay layers of ``channels`` channels, the last one of ``pooled_channels``; their mean and deviation over time.
    """

    output_per: OutputPer = "utterance"

    def __init__(
        self, *, num_features: int, channels: Count, pooled_channels: Count, embedding_width: Count, dropout: Fraction
    ) -> None:
        super().__init__()
        self.embedding_width = embedding_width
        shapes = [*LAYERS, (1, 1)]
        widths = [num_features] + [channels] * len(LAYERS) + [pooled_channels]
        self.layers = nn.ModuleList(
            TimeDelay(num_inputs=widths[i], width=widths[i + 1], kernel=kernel, dilation=dilation)
            for i, (kernel, dilation) in enumerate(shapes)
        )
        self.pooling = Statistics(num_inputs=pooled_channels)
        self.embedding = EmbeddingLayer(num_inputs=self.pooling.num_outputs, width=embedding_width, dropout=dropout)

    def forward(self, features_BTF: Tensor, lengths_B: Tensor) -> Tensor:
        lengths_B = lengths_B.to(features_BTF.device)
        mask_BT = frame_mask(lengths_B, features_BTF.shape[1])
        x_BCT = (features_BTF * mask_BT[:, :, None]).transpose(1, 2)
        for layer in self.layers:
            x_BCT = layer(x_BCT, mask_BT)
        embeddings_BD: Tensor = self.embedding(self.pooling(x_BCT, lengths_B))
        return embeddings_BD
