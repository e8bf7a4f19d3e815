"""Greedy decoding: the best token of every frame, without a graph."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pyspeech.decoding.lattice import Floats, Ints

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class BestTokens:
    """The best token of every frame, int32 [T], and its log-probability, float32 [T]."""

    tokens: Ints
    log_probs: Floats


def best_tokens(log_probs_BTV: "Tensor", lengths_B: list[int]) -> list[BestTokens]:
    """Take the best token of every frame of every utterance; of equals the lowest."""
    best = log_probs_BTV.max(dim=2)
    tokens_BT, scores_BT = best.indices.cpu().numpy().astype(np.int32), best.values.cpu().numpy()
    return [BestTokens(tokens_BT[n, :length], scores_BT[n, :length]) for n, length in enumerate(lengths_B)]
