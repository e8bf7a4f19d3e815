"""Generalised end-to-end loss, softmax variant (Wan et al. 2018, https://arxiv.org/abs/1710.10467)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from pyspeech.models.contract import OutputPer

FIRST_SCALE = 10.0  # section 2.1 of the paper


class Ge2e(nn.Module):
    """Embeddings ``[B, D]`` and targets ``[B]`` -> losses ``[B]``; each speaker of the batch has two or more of them.

    Each utterance is compared by cosine with the mean of every speaker's utterances in the batch, of its own speaker's
    without itself (eq. 8 and 9), and should be nearest to its own (eq. 6). The number of speakers in training is of no
    account. The scale of the cosines, which has to be positive, is learnt as its logarithm; the paper's bias would be
    the same for all speakers, and cancels in the softmax.
    """

    # Of each speaker in a batch. Batches are made so; one that lost the others (unreadable, or in the other half of a
    # batch too large for the memory) is taken out before: here a GPU would be waited for.
    output_per: OutputPer = "utterance"
    utterances_needed = 2

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(FIRST_SCALE)))

    def forward(self, embeddings_BD: Tensor, targets_B: Tensor, progress: float) -> Tensor:
        speakers, index_B = torch.unique(targets_B, return_inverse=True)
        units_BD = functional.normalize(embeddings_BD)
        membership_BS = functional.one_hot(index_B, len(speakers)).to(units_BD.dtype)
        sums_SD = membership_BS.t() @ units_BD
        # Cosines need no division by the counts.
        cosines_BS = units_BD @ functional.normalize(sums_SD).t()
        own_B1 = (units_BD * functional.normalize(sums_SD[index_B] - units_BD)).sum(1, keepdim=True)
        cosines_BS = cosines_BS.scatter(1, index_B[:, None], own_B1)
        return functional.cross_entropy(self.log_scale.exp() * cosines_BS, index_B, reduction="none")
