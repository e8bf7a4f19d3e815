"""Lattice-free maximum mutual information (Povey et al. 2016, from scratch Hadian et al. 2018) in the topology of CTC.

The loss is how much more likely all token sequences are, by a model of these, than what was said. Outputs, graphs and
decoding stay those of CTC.
"""

import functools
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.amp.autocast_mode import autocast

from pyspeech.arguments import Fraction
from pyspeech.errors import UserError
from pyspeech.losses.best_tokens import BestTokens
from pyspeech.losses.contract import Pronounced
from pyspeech.losses.denominator import Denominator
from pyspeech.losses.numerator import Numerator, frames_needed, make_numerator, sum_numerators
from pyspeech.losses.token_ngrams import estimate
from pyspeech.models.contract import OutputPer
from pyspeech.models.precision import at_least_float32
from pyspeech.threads import one_thread

FIRST_SCALE = 0.1
KEPT_NUMERATORS = 1 << 14
MOST_ARCS = 10_000_000  # of the denominator: 100 MB, and a second or so for every second of speech on a CPU


class LfMmi(nn.Module):
    """Log-probabilities ``[B, T, V]``, lengths ``[B]`` and :class:`.Pronounced` tokens -> losses ``[B]``, in nats.

    What was said are all pronunciations, each as likely as the model makes it, so that the loss is never below 0.

    Args:
        num_outputs: V.
        order: Of the n-grams of the model of token sequences: see :func:`.token_ngrams.estimate`.
        discount: Taken off each of its counts.
        min_count: Histories that were seen less often are shortened.
        ctc: Weight of CTC beside the rest: of all pronunciations, as the model weighs them.
        flat_start: For so much of the training, 0 .. 1, what the network says decides less where words are: at first
            nearly all places are equally likely, as for Kaldi's monophones. Deterministic annealing (Ueda and Nakano
            1998): the log-probabilities are scaled by ``FIRST_SCALE`` there, and then by more and more.
        begins: Where so much of the training is done, 0 .. 1; before, the loss is CTC alone.
    """

    output_per: OutputPer = "frame"

    def __init__(
        self,
        *,
        num_outputs: int,
        order: Annotated[int, Field(ge=1, le=5)],
        discount: Annotated[float, Field(gt=0, le=1)],
        min_count: Annotated[int, Field(ge=1)],
        ctc: Annotated[float, Field(ge=0)],
        flat_start: Fraction,
        begins: Fraction,
    ) -> None:
        super().__init__()
        self.num_outputs, self.order, self.discount, self.min_count = num_outputs, order, discount, min_count
        self.ctc, self.flat_start, self.begins = ctc, flat_start, begins
        self.learn(())

    def learn(self, sentences: Iterable[Pronounced]) -> None:
        """Count the n-grams of ``sentences``; none make all sequences equally likely. See :class:`.SequenceLoss`."""
        self._refuse_many(self.num_outputs)
        model = estimate(sentences, self.num_outputs, self.order, self.discount, self.min_count)
        self._refuse_many(len(model.histories))
        self.denominator = Denominator(model)
        self.model, self._best_tokens = model, BestTokens(model)

        @functools.lru_cache(KEPT_NUMERATORS)
        def numerator(words: tuple[tuple[tuple[int, ...], ...], ...]) -> Numerator:
            return make_numerator(Pronounced(words), model)

        self._numerator = numerator

    def _refuse_many(self, states: int) -> None:
        if states * self.num_outputs > MOST_ARCS:
            raise UserError(
                f"loss.name = 'lfmmi': {states} histories of {self.num_outputs} tokens make a denominator of more than "
                f"{MOST_ARCS} arcs; take phones or fewer pieces, or raise loss.min_count"
            )

    def frames_needed(self, tokens: Sequence[int]) -> int:
        """Fewest output frames in which one of the spellings of ``tokens`` fits."""
        return frames_needed(Pronounced.of(tokens))

    def forward(
        self, log_probs_BTV: Tensor, lengths_B: Tensor, targets: Sequence[Sequence[int]], progress: float
    ) -> Tensor:
        log_probs_BTV = at_least_float32(log_probs_BTV)
        # Sums of so many products stay in float32 whatever the network computes in; each frame is too small to share.
        with autocast(log_probs_BTV.device.type, enabled=False), one_thread():
            losses_B, gradient_BTV = self._with_gradient(log_probs_BTV.detach(), lengths_B, targets, progress)
        with_gradient_B: Tensor = _WithGradient.apply(log_probs_BTV, losses_B, gradient_BTV)
        return with_gradient_B

    def _with_gradient(
        self, log_probs_BTV: Tensor, lengths_B: Tensor, targets: Sequence[Sequence[int]], progress: float
    ) -> tuple[Tensor, Tensor]:
        numerators = [self._numerator(Pronounced.of(target).words) for target in targets]
        said_B, said_BTV = self._said(numerators, log_probs_BTV, lengths_B, progress)
        if progress < self.begins:
            return said_B.neg(), said_BTV.neg()
        all_B, all_BTV = self.denominator.sums(log_probs_BTV, lengths_B)
        losses_B = torch.sub(all_B, said_B, alpha=1 + self.ctc)
        gradient_BTV = torch.sub(all_BTV, said_BTV, alpha=1 + self.ctc)
        return losses_B, gradient_BTV

    def _said(
        self, numerators: Sequence[Numerator], log_probs_BTV: Tensor, lengths_B: Tensor, progress: float
    ) -> tuple[Tensor, Tensor]:
        if progress >= self.flat_start:
            return sum_numerators(numerators, log_probs_BTV, lengths_B)
        scale = FIRST_SCALE + (1 - FIRST_SCALE) * progress / self.flat_start
        scaled_B, said_BTV = sum_numerators(numerators, log_probs_BTV.mul(scale), lengths_B)
        # What all paths come to where the network says nothing; the rest rises with the scale to what it is unscaled.
        paths_B, _ = sum_numerators(numerators, torch.zeros_like(log_probs_BTV), lengths_B)
        return paths_B + (scaled_B - paths_B) / scale, said_BTV

    def best_tokens(self, log_probs_BTV: Tensor, lengths_B: Tensor) -> list[list[int]]:
        """The tokens of the best path through the denominator; see :class:`.SequenceLoss`."""
        outputs = zip(log_probs_BTV.cpu().numpy(), lengths_B.tolist(), strict=True)
        return [self._best_tokens(log_probs_TV[:frames]) for log_probs_TV, frames in outputs]


class _WithGradient(torch.autograd.Function):
    """Losses of utterances whose derivatives by the log-probabilities are known already."""

    @staticmethod
    def forward(ctx: Any, log_probs_BTV: Tensor, losses_B: Tensor, gradient_BTV: Tensor) -> Tensor:  # noqa: ANN401, ARG004
        ctx.save_for_backward(gradient_BTV)
        return losses_B

    @staticmethod
    def backward(ctx: Any, weights_B: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        [gradient_BTV] = ctx.saved_tensors
        return gradient_BTV * weights_B[:, None, None], None, None
