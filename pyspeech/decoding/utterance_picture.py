"""One utterance as a picture: waveform, features, what the network said of each frame, and words, over time."""

import math
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pyspeech.decoding.hypothesis import Timed
from pyspeech.decoding.inspection import Features, Inspection, Posteriors, TimedWords, Waveform
from pyspeech.decoding.lattice import BLANK, Floats
from pyspeech.pictures import picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = (
    *("#2c6e9b", "#c4572e", "#4b8b3b", "#c08a00", "#7a5195"),
    *("#1fa3a3", "#b0417a", "#8c564b", "#6b7d2a", "#d13f3f"),
)
WORD_TINTS = ("#2c6e9b", "#e0a526")  # of neighbours
WIDTH_INCHES, AXES_INCHES = 13.0, 12.2  # of the picture, and about so much of it for time
ROW_SECONDS, MOST_ROWS = 8.0, 16  # a longer utterance goes on below, as a text does
ROW_GAP = 0.04  # of a row's height
LABEL_POINTS, INCHES_PER_CHARACTER = 8, 0.602 * 8 / 72  # of the fixed-width font
TITLE_POINTS, TITLE_CHARACTERS, TITLE_LINE_INCHES = 9, 168, 0.165
LIKELY, SHOWN = 0.3, 0.05  # probabilities of tokens that get their symbol, and that are drawn
TOKEN_LANES, WORD_LANES = 3, 3
WAVE_BINS = 2400  # across a row


@dataclass(frozen=True, order=True)
class Label:
    """A text at a time in seconds."""

    time: float
    text: str
    colour: str = "#222222"


@dataclass(frozen=True)
class Row:
    """A stretch of time, in seconds, that the picture shows side by side."""

    start: float
    end: float

    def placed(self, labels: Iterable[Label], lanes: int) -> Iterator[tuple[float, int, Label]]:
        """Put labels, centred at their times, into the first lane that has room; what finds none is left out."""
        per_character = INCHES_PER_CHARACTER * (self.end - self.start) / AXES_INCHES
        free = [-math.inf] * lanes
        for label in sorted(labels):
            half = (len(label.text) + 0.5) * per_character / 2
            # Within the row even where the time is near an end of it.
            middle = max(min(label.time, self.end - half), self.start + half)
            lane = next((number for number in range(lanes) if middle - half >= free[number]), None)
            if lane is not None:
                free[lane] = middle + half
                yield middle, lane, label


@dataclass(frozen=True)
class Panel:
    """A part of each row: its height, and what draws it."""

    inches: float
    draw: Callable[["Axes", Row], None]


def draw(seen: Inspection, path: Path) -> None:
    """Write the picture, a PNG of 1,300 pixels in width.

    Raises:
        MissingPackage: matplotlib is not installed.
    """
    panels = _panels(seen)
    count = min(max(math.ceil(seen.seconds / ROW_SECONDS), 1), MOST_ROWS)
    rows = [Row(n * seen.seconds / count, (n + 1) * seen.seconds / count) for n in range(count)]
    title = _title(seen)
    inches = [panel.inches for panel in panels]
    height = count * (sum(inches) + 0.45) + TITLE_LINE_INCHES * len(title) + 0.3
    with picture(path, WIDTH_INCHES, height) as figure:
        figure.set_layout_engine("constrained", hspace=0, h_pad=0.02)
        figure.suptitle("\n".join(title), x=0.01, ha="left", family="monospace", fontsize=TITLE_POINTS)
        grid = figure.add_gridspec(count, 1, hspace=ROW_GAP)
        for number, row in enumerate(rows):
            every = grid[number].subgridspec(len(panels), 1, height_ratios=inches).subplots(sharex=True, squeeze=False)
            for panel, axes in zip(panels, every[:, 0], strict=True):
                panel.draw(axes, row)
                axes.spines[["top", "right"]].set_visible(False)
            every[-1, 0].set_xlim(row.start, row.end)
            every[-1, 0].tick_params(labelbottom=True)
        every[-1, 0].set_xlabel("seconds")
        figure.align_ylabels()


def _panels(seen: Inspection) -> list[Panel]:
    panels = []
    if seen.waveform is not None:
        panels.append(Panel(0.8, partial(_draw_waveform, seen.waveform, seen.words)))
    values_TF = seen.features.matrix_TF
    colour_limits = tuple(np.percentile(values_TF, (1, 99)).tolist()) if len(values_TF) else (0.0, 1.0)
    panels.append(Panel(1.5, partial(_draw_features, seen.features, colour_limits)))
    if seen.posteriors is not None:
        panels.append(Panel(1.4, partial(_draw_posteriors, seen.posteriors, seen.words)))
    if seen.words is not None:
        panels.append(Panel(0.5, partial(_draw_words, seen.words)))
    return panels


def _draw_waveform(waveform: Waveform, words: TimedWords | None, axes: "Axes", row: Row) -> None:
    first, last = (round(time * waveform.sampling_rate) for time in (row.start, row.end))
    samples_S = waveform.samples_S[first:last]
    size = max(len(samples_S) // WAVE_BINS, 1)
    bins = samples_S[: len(samples_S) // size * size].reshape(-1, size)
    times = row.start + (np.arange(len(bins)) + 0.5) * size / waveform.sampling_rate
    axes.fill_between(times, bins.min(axis=1), bins.max(axis=1), color="#333333", linewidth=0.6)
    highest = 1.05 * float(np.abs(waveform.samples_S).max(initial=0.0)) or 1.0
    axes.set_ylim(-highest, highest)
    axes.set_ylabel("amplitude")
    _tint_words(axes, words, row)


def _draw_features(features: Features, colour_limits: tuple[float, ...], axes: "Axes", _row: Row) -> None:
    num_frames, num_features = features.matrix_TF.shape
    extent = (0.0, num_frames * features.frame_seconds, 0.0, float(num_features))
    axes.imshow(
        features.matrix_TF.T,
        origin="lower",
        aspect="auto",
        extent=extent,
        cmap="magma",
        vmin=colour_limits[0],
        vmax=colour_limits[1],
        interpolation="nearest",
    )
    axes.set_ylabel(features.unit)


def _draw_posteriors(posteriors: Posteriors, words: TimedWords | None, axes: "Axes", row: Row) -> None:
    step = posteriors.frame_seconds
    first, last = int(row.start / step), math.ceil(row.end / step)
    probabilities_TV = np.exp(posteriors.log_probs_TV[first:last])
    edges = (first + np.arange(len(probabilities_TV) + 1)) * step
    axes.stairs(probabilities_TV[:, BLANK], edges, color="#bbbbbb", linewidth=1)
    labels = []
    for token in np.flatnonzero(probabilities_TV.max(axis=0, initial=0.0) >= SHOWN).tolist():
        if token != BLANK:
            values_T = np.where(probabilities_TV[:, token] >= SHOWN, probabilities_TV[:, token], np.nan)
            colour = COLOURS[token % len(COLOURS)]
            axes.stairs(values_T, edges, fill=True, color=colour, alpha=0.5)
            axes.stairs(values_T, edges, color=colour, linewidth=0.8)
            middles = (edges[peak] + step / 2 for peak in _peaks(values_T))
            labels += [Label(middle, posteriors.symbols[token], colour) for middle in middles]
    for middle, lane, label in row.placed(labels, TOKEN_LANES):
        _write(axes, middle, 1.12 + 0.16 * lane, label)
    axes.set_ylim(0, 1.2 + 0.16 * (TOKEN_LANES - 1))
    axes.set_yticks([0, 0.5, 1])
    axes.set_ylabel("probability")
    _tint_words(axes, words, row)


def _draw_words(words: TimedWords, axes: "Axes", row: Row) -> None:
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.set_ylabel(f"words\n({words.source})")
    if words.problem and row.start == 0:
        axes.text(0, 0.5, f" {words.problem}", va="center", fontsize=LABEL_POINTS)
    for number, word in _seen_in(row, words):
        axes.axvspan(word.start, word.end, 0.84, 1, color=WORD_TINTS[number % 2], linewidth=0)
    within = (word for word in words.words if row.start <= (word.start + word.end) / 2 < row.end)
    labels = [Label((word.start + word.end) / 2, word.symbol) for word in within]
    for middle, lane, label in row.placed(labels, WORD_LANES):
        _write(axes, middle, 0.66 - 0.26 * lane, label)


def _seen_in(row: Row, words: TimedWords) -> Iterator[tuple[int, Timed]]:
    """Words that are at least partly within the row, and their numbers."""
    return ((number, word) for number, word in enumerate(words.words) if word.start < row.end and word.end > row.start)


def _tint_words(axes: "Axes", words: TimedWords | None, row: Row) -> None:
    for number, word in () if words is None else _seen_in(row, words):
        axes.axvspan(word.start, word.end, color=WORD_TINTS[number % 2], alpha=0.16, linewidth=0, zorder=0)


def _write(axes: "Axes", time: float, height: float, label: Label) -> None:
    axes.text(
        time,
        height,
        label.text,
        color=label.colour,
        family="monospace",
        fontsize=LABEL_POINTS,
        ha="center",
        va="center",
        clip_on=True,
    )


def _peaks(values_T: Floats) -> list[int]:
    """Return the most probable frame of each run of frames in which a token is likely."""
    bounds = np.flatnonzero(np.diff(values_T >= LIKELY, prepend=False, append=False))
    return [int(start + values_T[start:end].argmax()) for start, end in zip(bounds[::2], bounds[1::2], strict=True)]


def _title(seen: Inspection) -> list[str]:
    lines = [f"{seen.id}  ({seen.seconds:.2f} s)"]
    for name, text in (("reference:  ", seen.reference), ("hypothesis: ", seen.hypothesis)):
        if text is not None:
            lines += textwrap.wrap(name + text, TITLE_CHARACTERS, subsequent_indent=" " * len(name))
    return lines
