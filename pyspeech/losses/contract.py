"""What a loss is to the rest of the project: of the outputs for each frame, or of one embedding an utterance.

Both are modules that return a loss in nats for each utterance, ``[B]``, and take how much of the training is done, 0 to
1, last. The laws in ``tests/losses`` hold those that are registered to it.
"""

from collections.abc import Iterable, Sequence
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


class Pronounced(list[int]):
    """The tokens of an utterance, each word in the first way there is; ``words`` has all ways of each."""

    def __init__(self, words: Sequence[Sequence[Sequence[int]]]) -> None:
        super().__init__(token for spellings in words for token in spellings[0])
        self.words = tuple(tuple(map(tuple, spellings)) for spellings in words)

    @classmethod
    def of(cls, tokens: Sequence[int]) -> "Pronounced":
        """What is ``tokens`` already or, of tokens alone, one word that is spelled so."""
        return tokens if isinstance(tokens, Pronounced) else cls([[tokens]] if tokens else [])


@runtime_checkable
class SequenceLoss(FrameLoss, Protocol):
    """A loss of frames that has a model of the sequences of tokens, which it tells what was said apart by.

    The best token of every frame means little to a network that is trained so: what it found is the best path of
    that model. Each of its targets is :class:`Pronounced`.
    """

    def learn(self, sentences: Iterable[Pronounced]) -> None:
        """Make the model from what is said in training; to be called before the loss."""

    def best_tokens(self, log_probs_BTV: Tensor, lengths_B: Tensor) -> list[list[int]]:
        """The most likely tokens of each utterance, without blanks."""


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
