"""What a loss is to the rest of the project: of the outputs for each frame, or of one embedding an utterance.

Both are modules that return a loss in nats for each utterance, ``[B]``, and take how much of the training is done, 0 to
1, last. The laws in ``tests/losses`` hold those that are registered to it.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from pyspeech.errors import UserError
from pyspeech.models.contract import OutputPer


@runtime_checkable
class FrameLoss(Protocol):
    """Of log-probabilities ``[B, T, V]`` (blank 0), the true frames of each utterance ``[B]`` and its tokens."""

    output_per: OutputPer

    def frames_needed(self, tokens: Sequence[int]) -> int:
        """Fewest output frames in which these tokens have a loss; an utterance of fewer is left out."""

    def __call__(
        self, log_probs_BTV: Tensor, lengths_B: Tensor, targets: Sequence[Sequence[int]], progress: float
    ) -> Tensor:
        """Losses ``[B]``."""


@runtime_checkable
class EmbeddingLoss(Protocol):
    """Of embeddings ``[B, D]`` and the number of the speaker or label of each, ``[B]``.

    Attributes:
        utterances_needed: How many of one speaker or label a batch must hold for them to have a loss.
    """

    output_per: OutputPer
    utterances_needed: int

    def __call__(self, embeddings_BD: Tensor, targets_B: Tensor, progress: float) -> Tensor:
        """Losses ``[B]``."""


@runtime_checkable
class LabelLoss(EmbeddingLoss, Protocol):
    """One that gives labels probabilities, as a classification needs them."""

    def logits(self, embeddings_BD: Tensor) -> Tensor:
        """Unnormalised log-probabilities ``[B, V]``."""


def frame_loss(loss: nn.Module) -> FrameLoss | None:
    """The loss as one of frames; None if it is of embeddings.

    Raises:
        UserError: it says neither what the one nor what the other has to say of itself.
    """
    if isinstance(loss, FrameLoss) and loss.output_per == "frame":
        return loss
    if isinstance(loss, EmbeddingLoss) and loss.output_per == "utterance":
        return None
    raise UserError(
        f"the loss {type(loss).__name__} is of no kind that is known: give it output_per = 'frame' with frames_needed, "
        "or 'utterance' with utterances_needed"
    )
