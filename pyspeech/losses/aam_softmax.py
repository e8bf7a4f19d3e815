"""Additive angular margin softmax, ArcFace (Deng et al. 2019, https://arxiv.org/abs/1801.07698), with sub-centres.

Sub-centres: Deng et al. 2020, https://doi.org/10.1007/978-3-030-58621-8_43.
"""

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from pyspeech.arguments import Count, Fraction
from pyspeech.errors import UserError
from pyspeech.models.contract import OutputPer

SMALLEST_SINE2 = 1e-7  # below it a square root has no usable gradient
Margin = Annotated[float, Field(ge=0, lt=math.pi / 2)]
Scale = Annotated[float, Field(gt=0)]


class AamSoftmax(nn.Module):
    """Embeddings ``[B, D]`` and targets ``[B]`` -> losses ``[B]``.

    The logit of a speaker is ``scale`` times the cosine of the embedding with the nearest of the speaker's
    ``sub_centres``. For the speaker who speaks, the angle is first widened by ``margin`` (radians), which grows
    linearly from 0 where ``margin_from`` of the training is done to all where ``margin_full`` is.
    """

    output_per: OutputPer = "utterance"
    utterances_needed = 1

    def __init__(
        self,
        *,
        num_inputs: int,
        num_outputs: int,
        scale: Scale,
        margin: Margin,
        margin_from: Fraction,
        margin_full: Fraction,
        sub_centres: Count,
    ) -> None:
        super().__init__()
        if margin_full < margin_from:
            raise UserError(f"loss.margin_full = {margin_full}: expected no less than margin_from, {margin_from}")
        self.scale = scale
        self.margin = margin
        self.margin_from = margin_from
        self.margin_full = margin_full
        self.sub_centres = sub_centres
        self.centres = nn.Parameter(torch.empty(num_outputs * sub_centres, num_inputs))
        nn.init.xavier_uniform_(self.centres)

    def forward(self, embeddings_BD: Tensor, targets_B: Tensor, progress: float) -> Tensor:
        cosines_BV = self._cosines(embeddings_BD)
        index_B1 = targets_B[:, None]
        widened_B1 = _cosine_of_wider_angle(cosines_BV.gather(1, index_B1), self.margin_at(progress))
        logits_BV = cosines_BV.scatter(1, index_B1, widened_B1).mul(self.scale)
        return functional.cross_entropy(logits_BV, targets_B, reduction="none")

    def logits(self, embeddings_BD: Tensor) -> Tensor:
        """Unnormalised log-probabilities ``[B, V]``, without the margin."""
        return torch.mul(self._cosines(embeddings_BD), self.scale)

    def margin_at(self, progress: float) -> float:
        """Return the margin in radians where ``progress`` (0..1) of the training is done."""
        if progress >= self.margin_full:
            return self.margin
        if progress <= self.margin_from:
            return 0.0
        return self.margin * (progress - self.margin_from) / (self.margin_full - self.margin_from)

    def _cosines(self, embeddings_BD: Tensor) -> Tensor:
        cosines_BK = functional.linear(functional.normalize(embeddings_BD), functional.normalize(self.centres))
        cosines_BV: Tensor = cosines_BK.view(len(cosines_BK), -1, self.sub_centres).amax(2)
        return cosines_BV


def _cosine_of_wider_angle(cosines: Tensor, margin: float) -> Tensor:
    """``cos(angle + margin)``; beyond an angle of pi - margin, where that rises again, it goes on to fall with ``cos``.

    Without a step or a rise: at pi - margin both are -1.
    """
    sines = (1 - cosines.square()).clamp(min=SMALLEST_SINE2).sqrt()
    widened = cosines * math.cos(margin) - sines * math.sin(margin)
    beyond = cosines - (1 - math.cos(margin))
    chosen: Tensor = torch.where(cosines.gt(-math.cos(margin)), widened, beyond)
    return chosen
