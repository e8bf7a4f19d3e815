"""Connectionist temporal classification (https://www.cs.toronto.edu/~graves/icml_2006.pdf), by torch or by k2.

Both functions take log-probabilities ``[B, T, V]`` with the blank at 0, the true frames of each utterance and its
tokens, and return the negative log-likelihood in nats of each utterance, ``[B]``: not divided by anything.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from pyspeech.errors import MissingPackage
from pyspeech.models.contract import OutputPer
from pyspeech.models.precision import at_least_float32

CtcLoss = Callable[[Tensor, Tensor, Sequence[Sequence[int]]], Tensor]

# Paths of k2 whose score is further than this below the best do not count; e^-100 is nothing in float32.
K2_BEAM = 100.0


def frames_needed(tokens: Sequence[int]) -> int:
    """Fewest output frames that can spell ``tokens``: one each, and a blank between two equal ones."""
    return len(tokens) + sum(left == right for left, right in itertools.pairwise(tokens))


def torch_ctc_loss(log_probs_BTV: Tensor, lengths_B: Tensor, targets: Sequence[Sequence[int]]) -> Tensor:
    """Loss of each utterance by ``torch.nn.functional.ctc_loss``."""
    losses_B: Tensor = functional.ctc_loss(
        at_least_float32(log_probs_BTV).transpose(0, 1),
        torch.tensor([token for target in targets for token in target], dtype=torch.int64, device=log_probs_BTV.device),
        lengths_B.to(dtype=torch.int64),
        torch.tensor([len(target) for target in targets], dtype=torch.int64),
        reduction="none",
    )
    return losses_B


def k2_ctc_loss(log_probs_BTV: Tensor, lengths_B: Tensor, targets: Sequence[Sequence[int]]) -> Tensor:
    """Loss of each utterance by ``k2.ctc_loss`` over ``k2.ctc_graph``."""
    import k2

    # k2 wants the longest utterance first.
    frames, order = lengths_B.to("cpu").sort(descending=True, stable=True)
    segments = torch.stack([order, torch.zeros_like(order), frames], dim=1).to(torch.int32)
    graph = k2.ctc_graph([list(targets[index]) for index in order.tolist()], device=log_probs_BTV.device)
    dense = k2.DenseFsaVec(at_least_float32(log_probs_BTV), segments)
    sorted_losses_B: Tensor = k2.ctc_loss(graph, dense, output_beam=K2_BEAM, reduction="none")
    losses_B: Tensor = sorted_losses_B[order.argsort().to(sorted_losses_B.device)]
    return losses_B


CTC_LOSSES: dict[str, CtcLoss] = {"torch": torch_ctc_loss, "k2": k2_ctc_loss}


class Ctc(nn.Module):
    """Log-probabilities ``[B, T, V]``, lengths ``[B]`` and tokens -> losses ``[B]``, by the library that is named.

    Raises:
        MissingPackage: k2 is not installed.
    """

    output_per: OutputPer = "frame"

    def __init__(self, *, implementation: Literal["torch", "k2"]) -> None:
        super().__init__()
        if implementation == "k2":
            try:
                import k2  # noqa: F401
            except ImportError as error:
                remedy = "tools/install.sh --lane pypi (or set loss.implementation=torch)"
                raise MissingPackage("k2", "loss.implementation=k2", remedy) from error
        self.implementation = implementation

    def frames_needed(self, tokens: Sequence[int]) -> int:
        """See :func:`frames_needed`."""
        return frames_needed(tokens)

    def forward(
        self, log_probs_BTV: Tensor, lengths_B: Tensor, targets: Sequence[Sequence[int]], progress: float
    ) -> Tensor:
        return CTC_LOSSES[self.implementation](log_probs_BTV, lengths_B, targets)
