"""Pooling over time: an utterance of any length as one vector."""

import torch
from torch import Tensor, nn

from pyspeech.models.masking import frame_mask

SMALLEST_VARIANCE = 1e-5  # below it a square root has no usable gradient


class AttentiveStatistics(nn.Module):
    """Weighted mean and standard deviation over frames: ``[B, T, D] -> [B, 2 D]``.

    Okabe, Koshinaka, Shinoda 2018, https://arxiv.org/abs/1803.10963: a small network says how much each frame counts
    (eq. 1 and 2); the mean and the deviation (eq. 3 and 5) weigh frames by that. Padding counts nothing.
    """

    def __init__(self, *, num_inputs: int, attention_width: int) -> None:
        super().__init__()
        self.score = nn.Sequential(
            nn.Linear(num_inputs, attention_width), nn.Tanh(), nn.Linear(attention_width, 1, bias=False)
        )

    def forward(self, h_BTD: Tensor, lengths_B: Tensor) -> Tensor:
        mask_BT = frame_mask(lengths_B, h_BTD.shape[1])
        e_BT: Tensor = self.score(h_BTD).squeeze(2)
        alpha_BT1 = e_BT.masked_fill(~mask_BT, -torch.inf).softmax(1)[:, :, None]
        mean_BD = (alpha_BT1 * h_BTD).sum(1)
        variance_BD = (alpha_BT1 * (h_BTD - mean_BD[:, None]) ** 2).sum(1)
        return torch.cat([mean_BD, variance_BD.clamp(min=SMALLEST_VARIANCE).sqrt()], dim=1)
