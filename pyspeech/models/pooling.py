"""Pooling over time: an utterance of any length as one vector. Padding counts nothing."""

import torch
from torch import Tensor, nn

from pyspeech.models.masking import frame_mask
from pyspeech.models.precision import at_least_float32

SMALLEST_VARIANCE = 1e-5  # below it a square root has no usable gradient


class LastStates(nn.Module):
    """What an LSTM layer knows after its last frame: ``[B, T, D] -> [B, D]``.

    Of a layer in both directions, half of the outputs run backward in time: their last frame is the first one.
    """

    def __init__(self, *, num_inputs: int, bidirectional: bool) -> None:
        super().__init__()
        self.num_outputs = num_inputs
        self.num_forward = num_inputs // 2 if bidirectional else num_inputs

    def forward(self, h_BTD: Tensor, lengths_B: Tensor) -> Tensor:
        utterances_B = torch.arange(len(h_BTD), device=h_BTD.device)
        ahead_BD = h_BTD[utterances_B, lengths_B - 1, : self.num_forward]
        return torch.cat([ahead_BD, h_BTD[:, 0, self.num_forward :]], dim=1)


class Statistics(nn.Module):
    """Mean and standard deviation of every channel over time: ``[B, C, T] -> [B, 2 C]``.

    Snyder et al. 2018 (https://doi.org/10.1109/ICASSP.2018.8461375).
    """

    def __init__(self, *, num_inputs: int) -> None:
        super().__init__()
        self.num_outputs = 2 * num_inputs

    def forward(self, h_BCT: Tensor, lengths_B: Tensor) -> Tensor:
        mask_BT = frame_mask(lengths_B, h_BCT.shape[2])
        return weighted_statistics(h_BCT, (mask_BT / lengths_B[:, None])[:, None])


class AttentiveStatistics(nn.Module):
    """Weighted mean and standard deviation over frames: ``[B, T, D] -> [B, 2 D]``.

    Okabe, Koshinaka, Shinoda 2018, https://arxiv.org/abs/1803.10963: a small network says how much each frame counts
    (eq. 1 and 2); the mean and the deviation (eq. 3 and 5) weigh frames by that.
    """

    def __init__(self, *, num_inputs: int, attention_width: int) -> None:
        super().__init__()
        self.num_outputs = 2 * num_inputs
        self.score = nn.Sequential(
            nn.Linear(num_inputs, attention_width), nn.Tanh(), nn.Linear(attention_width, 1, bias=False)
        )

    def forward(self, h_BTD: Tensor, lengths_B: Tensor) -> Tensor:
        mask_BT = frame_mask(lengths_B, h_BTD.shape[1])
        e_BT: Tensor = self.score(h_BTD).squeeze(2)
        alpha_BT = at_least_float32(e_BT).masked_fill(~mask_BT, -torch.inf).softmax(1)
        return weighted_statistics(h_BTD.transpose(1, 2), alpha_BT[:, None])


class ChannelAttentiveStatistics(nn.Module):
    """Weighted mean and standard deviation, each channel with weights of its own: ``[B, C, T] -> [B, 2 C]``.

    Desplanques, Thienpondt, Demuynck 2020, https://arxiv.org/abs/2005.07143, section 3.1: the network of the weights
    sees, beside the frame, the mean and the deviation of the whole utterance.
    """

    def __init__(self, *, num_inputs: int, attention_width: int) -> None:
        super().__init__()
        self.num_outputs = 2 * num_inputs
        self.context = Statistics(num_inputs=num_inputs)
        # The first layer in two parts, of the frame and of the context, which is the same for all frames.
        self.of_frame = nn.Conv1d(num_inputs, attention_width, 1)
        self.of_context = nn.Linear(2 * num_inputs, attention_width, bias=False)
        self.score = nn.Conv1d(attention_width, num_inputs, 1)

    def forward(self, h_BCT: Tensor, lengths_B: Tensor) -> Tensor:
        mask_BT = frame_mask(lengths_B, h_BCT.shape[2])
        context_BA = self.of_context(self.context(h_BCT, lengths_B))
        e_BCT: Tensor = self.score((self.of_frame(h_BCT) + context_BA[:, :, None]).tanh())
        alpha_BCT = at_least_float32(e_BCT).masked_fill(~mask_BT[:, None], -torch.inf).softmax(2)
        return weighted_statistics(h_BCT, alpha_BCT)


def weighted_statistics(h_BCT: Tensor, weights: Tensor) -> Tensor:
    """Mean and standard deviation over time: ``[B, 2 C]``; ``weights`` (``[B, C or 1, T]``) sum to 1 over time."""
    h_BCT = at_least_float32(h_BCT)
    weighted_BCT = weights * h_BCT
    mean_BC = weighted_BCT.sum(2)
    # Mean square less squared mean: two thirds of the time, exact enough for normalised activations.
    variance_BC = (weighted_BCT * h_BCT).sum(2) - mean_BC.square()
    return torch.cat([mean_BC, variance_BC.clamp(min=SMALLEST_VARIANCE).sqrt()], dim=1)
