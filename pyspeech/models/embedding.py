"""The end of every network that turns an utterance into one vector."""

from torch import Tensor, nn
from torch.nn import functional

from pyspeech.models.precision import at_least_float32


class EmbeddingLayer(nn.Module):
    """Batch norm, dropout, a linear layer, batch norm: pooled ``[B, P] -> [B, D]``, to be compared by cosine.

    As in ECAPA-TDNN (https://arxiv.org/abs/2005.07143, figure 2). The last norm learns no scale or shift: over the
    training data every dimension has mean 0 and variance 1, so that none outweighs the others in a cosine and nothing
    is common to all utterances, which would make any two of them alike.
    """

    def __init__(self, *, num_inputs: int, width: int, dropout: float) -> None:
        super().__init__()
        self.pooled_norm = _BatchNorm(num_inputs)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(num_inputs, width)
        self.norm = _BatchNorm(width, affine=False)

    def forward(self, pooled_BP: Tensor) -> Tensor:
        embeddings_BD: Tensor = self.norm(at_least_float32(self.linear(self.dropout(self.pooled_norm(pooled_BP)))))
        return embeddings_BD


class _BatchNorm(nn.BatchNorm1d):
    """Batch norm that takes a training batch of one row, which has no variance, by the running statistics."""

    def forward(self, x_BD: Tensor) -> Tensor:
        if len(x_BD) > 1:
            return super().forward(x_BD)
        return functional.batch_norm(x_BD, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
