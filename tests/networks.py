"""What the laws that hold for all networks are tested with."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def used(network: nn.Module, num_features: int) -> nn.Module:
    """Return the network with batch statistics that are not those it began with."""
    for _ in range(3):
        network(torch.randn(3, 20, num_features) * 2 + 1, torch.tensor([20, 13, 7]))
    return network


def padded(
    lengths: Sequence[int], num_features: int, extra: int = 0, padding_value: float = 0.0
) -> tuple[list[Tensor], Tensor]:
    """Return utterances of these lengths, always the same, and all in one batch with ``extra`` more padding."""
    torch.manual_seed(1)
    utterances = [torch.randn(length, num_features) for length in lengths]
    features_BTF = torch.full((len(lengths), max(lengths) + extra, num_features), padding_value)
    for b, utterance in enumerate(utterances):
        features_BTF[b, : len(utterance)] = utterance
    return utterances, features_BTF
