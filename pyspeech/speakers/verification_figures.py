"""Every figure of a verification, each with its interval over speakers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pyspeech.speakers.calibration import cllr_costs, least_cllr
from pyspeech.speakers.error_rates import Floats, LowestCost, Ranking, Shares, act_dcf_costs, crossing, min_dcf
from pyspeech.speakers.scored_trials import ScoredTrials
from pyspeech.speakers.speaker_bootstrap import REPLICATIONS, intervals_over_speakers, speakers_of

P_TARGETS = (0.01, 0.05)
EER = "EER"


@dataclass(frozen=True)
class Figure:
    """A figure with its 95% interval."""

    value: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class VerificationFigures:
    """All figures, what a picture of them needs, and how many trials and speakers they were measured on.

    Args:
        figures: ``EER`` (0 to 1), ``minDCF(0.01)``, ``minDCF(0.05)``, ``min Cllr`` and, of calibrated scores,
            ``actDCF(0.01)``, ``actDCF(0.05)`` and ``Cllr``, each by its name. Both Cllr are in bits.
        shares: Of the trials.
        lowest: Where the costs are lowest, in the order of ``P_TARGETS``.
    """

    figures: dict[str, Figure]
    shares: Shares
    lowest: tuple[LowestCost, ...]
    targets: int
    non_targets: int
    speakers: int


def verification_figures(scored: ScoredTrials, replications: int = REPLICATIONS) -> VerificationFigures:
    """Measure a verification.

    Raises:
        MissingPackage: scipy is not installed.
    """
    speakers_T2 = np.array(speakers_of(scored.pairs, scored.targets))
    # Not needed, but weights of sorted trials are found fast, and there will be many.
    order_T = np.argsort(scored.score_T, kind="stable")
    target_T = np.array(scored.targets)[order_T]
    measure = _Measure(scored.score_T[order_T], target_T, scored.calibrated)
    values = measure(np.ones(len(order_T)))
    intervals = intervals_over_speakers(measure, speakers_T2[order_T], target_T, replications)
    shares = measure.ranking.shares()
    targets = int(target_T.sum())
    return VerificationFigures(
        figures={
            name: Figure(value, interval)
            for name, value, interval in zip(measure.names, values, intervals, strict=True)
        },
        shares=shares,
        lowest=tuple(min_dcf(shares, p_target) for p_target in P_TARGETS),
        targets=targets,
        non_targets=len(target_T) - targets,
        speakers=1 + int(speakers_T2.max()),
    )


class _Measure:
    """All figures of the same trials under many weights; what does not depend on these is computed once."""

    def __init__(self, score_T: Floats, is_target_T: NDArray[np.bool_], calibrated: bool) -> None:
        self.ranking = Ranking(score_T, is_target_T)
        self.names = [EER, *(f"minDCF({p_target})" for p_target in P_TARGETS), "min Cllr"]
        costs: list[Floats] = []  # of figures that are sums over trials
        if calibrated:
            self.names += [*(f"actDCF({p_target})" for p_target in P_TARGETS), "Cllr"]
            costs = [act_dcf_costs(score_T, is_target_T, p_target) for p_target in P_TARGETS]
            costs.append(cllr_costs(score_T, is_target_T))
        target_T = is_target_T.astype(np.float64)
        self._of_targets = np.stack([target_T, *(cost_T * target_T for cost_T in costs)])
        self._of_others = np.stack([1 - target_T, *(cost_T * (1 - target_T) for cost_T in costs)])

    def __call__(self, weight_T: Floats) -> Sequence[float]:
        shares = self.ranking.shares(weight_T)
        lowest = [min_dcf(shares, p_target).cost for p_target in P_TARGETS]
        targets, *target_costs = self._of_targets @ weight_T
        others, *other_costs = self._of_others @ weight_T
        sums = [one / targets + other / others for one, other in zip(target_costs, other_costs, strict=True)]
        return [crossing(shares), *lowest, least_cllr(shares), *sums]
