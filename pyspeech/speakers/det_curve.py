"""The detection error trade-off of a verification as a picture, on axes on which normal scores give a straight line.

Martin et al., "The DET curve in assessment of detection task performance", Eurospeech 1997
(https://www.isca-archive.org/eurospeech_1997/martin97b_eurospeech.html).
"""

from collections.abc import Iterable
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from pyspeech.pictures import picture
from pyspeech.speakers.error_rates import Floats
from pyspeech.speakers.verification_figures import EER, P_TARGETS, VerificationFigures

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CURVE, EQUAL, COSTS = "#2c6e9b", "#c4572e", (("s", "#e0a526"), ("D", "#555555"))  # as markers they differ by shape too
PERCENTS = (0.001, 0.01, 0.1, 0.5, 1, 2, 5, 10, 20, 40, 60, 80, 90, 95, 98, 99)
LOWEST_RATE, HIGHEST_RATE, ALWAYS_SHOWN = 1e-5, 0.99, (0.03, 0.5)
WIDTH_INCHES, HEIGHT_INCHES = 6.6, 6.8


def draw_det_curve(measured: VerificationFigures, folder: Path, path: Path) -> None:
    """Write the picture of the verification in ``folder``, a PNG of 660 times 680 pixels.

    Raises:
        MissingPackage: matplotlib is not installed.
    """
    with picture(path, WIDTH_INCHES, HEIGHT_INCHES) as figure:
        axes = figure.subplots()
        low, high = _shown(measured)
        _draw_axes(axes, low, high)
        _draw_curve(axes, measured, low, high)
        axes.set_title(_title(measured, folder), fontsize=10)
        axes.legend(loc="upper right", fontsize=9, framealpha=1, edgecolor="none")


def _shown(measured: VerificationFigures) -> tuple[float, float]:
    """Lowest and highest rate of both axes: the curve near the diagonal, and every point that is marked."""
    marked = [measured.figures[EER].interval[1], *(max(one.rejected, one.accepted) for one in measured.lowest)]
    high = min(max(ALWAYS_SHOWN[1], 1.2 * max(marked)), HIGHEST_RATE)
    rejected, accepted = measured.shares.rejected, measured.shares.accepted
    shown = np.concatenate([rejected[accepted < high], accepted[rejected < high]])
    low = 0.5 * float(min(shown[shown > 0], default=1 / min(measured.targets, measured.non_targets)))
    return min(max(LOWEST_RATE, low), ALWAYS_SHOWN[0]), high


def _draw_axes(axes: "Axes", low: float, high: float) -> None:
    # None at the very beginning, where points without errors stand.
    percents = [percent for percent in PERCENTS if 1.1 * low < percent / 100 <= high]
    places = _deviates((percent / 100 for percent in percents), low, high)
    limits = _deviates((low, high), low, high)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(places, [f"{percent:g}" for percent in percents])
    axes.set_xlim(*limits)
    axes.set_ylim(*limits)
    axes.set_aspect("equal")
    axes.grid(color="#dddddd", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("False acceptance rate, %")
    axes.set_ylabel("Miss rate, %")
    axes.plot(limits, limits, color="#999999", linewidth=0.8, linestyle=":")


def _draw_curve(axes: "Axes", measured: VerificationFigures, low: float, high: float) -> None:
    shares = measured.shares

    def deviates(*rates: float) -> Floats:
        return _deviates(rates, low, high)

    # Without errors of one kind it runs along the axis; above, it leaves the picture.
    accepted, rejected = (_deviates(rates, low, 1 - LOWEST_RATE) for rates in (shares.accepted, shares.rejected))
    axes.plot(accepted, rejected, color=CURVE, linewidth=1.8)
    rate = measured.figures[EER]
    interval = deviates(*rate.interval)
    # Points at the very limits, where there are no errors at all, are shown whole.
    axes.plot(interval, interval, color=EQUAL, alpha=0.4, linewidth=6, solid_capstyle="butt", label="95% of the EER")
    axes.plot(deviates(rate.value), deviates(rate.value), "o", color=EQUAL, label="EER", clip_on=False, zorder=4)
    for p_target, lowest, (marker, colour) in zip(P_TARGETS, measured.lowest, COSTS, strict=True):
        place = deviates(lowest.accepted), deviates(lowest.rejected)
        axes.plot(*place, marker, color=colour, label=f"minDCF({p_target})", clip_on=False, zorder=4)


def _deviates(rates: Iterable[float], low: float, high: float) -> Floats:
    """Return where rates stand on an axis from ``low`` to ``high``; what is beyond stands at its ends."""
    normal = NormalDist()
    return np.array([normal.inv_cdf(min(max(float(rate), low), high)) for rate in rates])


def _title(measured: VerificationFigures, folder: Path) -> str:
    rate = measured.figures[EER]
    low, high = rate.interval
    costs = "   ".join(
        f"minDCF({p_target}) {lowest.cost:.3f}" for p_target, lowest in zip(P_TARGETS, measured.lowest, strict=True)
    )
    return (
        f"{Path(*folder.parts[-3:])}: {measured.targets:,} target and {measured.non_targets:,} non-target trials\n"
        f"EER {100 * rate.value:.2f}% [ {100 * low:.1f}, {100 * high:.1f} ]   {costs}"
    )
