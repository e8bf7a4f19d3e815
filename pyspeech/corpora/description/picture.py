"""Descriptions of manifests as a picture: how long utterances are, how fast one speaks or which labels there are."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pyspeech.corpora.description.figures import NO_LABEL, are_labels, column_names, in_order, printable
from pyspeech.corpora.description.tally import Description, Floats
from pyspeech.pictures import picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS, STYLES = ("#2c6e9b", "#c4572e", "#e0a526", "#555555"), ("-", "--", "-.", ":")  # told apart without colour too
LEAST_BINS, MOST_BINS = 15, 40
SHOWN_PERCENT = 99.5  # of utterances; those above are counted in the last bin
LABELS_DRAWN = 30
WIDTH_INCHES, HEIGHT_INCHES = 12.0, 4.4


def draw(descriptions: Sequence[Description], path: Path) -> None:
    """Write the picture, a PNG of 1,200 pixels in width.

    Raises:
        MissingPackage: matplotlib is not installed.
    """
    with picture(path, WIDTH_INCHES, HEIGHT_INCHES) as figure:
        left, right = figure.subplots(1, 2)
        names = column_names(descriptions)
        _draw_durations(left, names, descriptions)
        if are_labels(descriptions):
            _draw_labels(right, names, descriptions)
        else:
            _draw_rates(right, names, descriptions)
        for axes in (left, right):
            axes.spines[["top", "right"]].set_visible(False)


def _draw_durations(axes: "Axes", names: Sequence[str], descriptions: Sequence[Description]) -> None:
    hours = [
        f"{name}: {len(each.seconds):,} utterances, {each.seconds.sum() / 3600:.2f} h"
        for name, each in zip(names, descriptions, strict=True)
    ]
    _draw_histograms(axes, "seconds", hours, [each.seconds for each in descriptions])
    axes.set_title("How long utterances are", fontsize=11)


def _draw_rates(axes: "Axes", names: Sequence[str], descriptions: Sequence[Description]) -> None:
    axes.set_title("How fast one speaks", fontsize=11)
    rates = [each.words_per_second for each in descriptions]
    medians = [
        f"{name}: median {np.median(each):.2f}" if len(each) else f"{name}: no words"
        for name, each in zip(names, rates, strict=True)
    ]
    _draw_histograms(axes, "words per second", medians, rates)


def _draw_histograms(axes: "Axes", what: str, names: Sequence[str], values: Sequence[Floats]) -> None:
    """Shares of each set over the same bins: the first as an area, all others as lines."""
    filled = [each for each in values if len(each)] or [np.ones(1)]
    limit = max(float(np.percentile(each, SHOWN_PERCENT)) for each in filled)
    # Rice's rule for the smallest set: with narrower bins it would be all spikes.
    bins = int(np.clip(2 * min(map(len, filled)) ** (1 / 3), LEAST_BINS, MOST_BINS))
    edges = np.linspace(0, limit, bins + 1)
    for number, (name, each) in enumerate(zip(names, values, strict=True)):
        colour, style = COLOURS[number % len(COLOURS)], STYLES[number % len(STYLES)]
        shares = 100 * np.histogram(each.clip(max=limit), edges)[0] / max(1, len(each))
        if number == 0:
            axes.stairs(shares, edges, fill=True, color=colour, alpha=0.35, linewidth=0)
        axes.stairs(shares, edges, color=colour, linestyle=style, linewidth=1.8, label=name)
    longer = any(each.max() > limit for each in filled)
    axes.set_xlabel(what + (" (the last bin holds all above)" if longer else ""))
    axes.set_xlim(0, limit * 1.01)
    axes.set_ylim(0, 1.15 * axes.get_ylim()[1])  # room for the legend
    axes.set_ylabel("utterances, %")
    axes.legend(frameon=False)


def _draw_labels(axes: "Axes", names: Sequence[str], descriptions: Sequence[Description]) -> None:
    totals = {
        text: sum(each.tally.texts[text] for each in descriptions) for each in descriptions for text in each.tally.texts
    }
    labels = [label for label, _ in in_order(totals)]
    drawn = labels[:LABELS_DRAWN]
    places = np.arange(len(drawn))
    below = np.zeros(len(drawn))
    for number, (name, each) in enumerate(zip(names, descriptions, strict=True)):
        counts = np.array([each.tally.texts[label] for label in drawn])
        axes.barh(places, counts, left=below, height=0.75, color=COLOURS[number % len(COLOURS)], label=name)
        below += counts
    axes.set_yticks(places, [printable(label) or NO_LABEL for label in drawn], fontsize=8 if len(drawn) > 15 else 10)
    axes.invert_yaxis()
    axes.set_xlabel("utterances")
    more = f", the {len(drawn)} most frequent" if len(drawn) < len(labels) else ""
    axes.set_title(f"Labels ({len(labels)}{more})", fontsize=11)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))  # beside the bars, which may all be as long
