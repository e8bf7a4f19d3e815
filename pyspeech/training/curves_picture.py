"""The course of trainings as one picture: losses, error rate on dev, learning rate and speed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pyspeech.pictures import picture
from pyspeech.training.history import Floats, History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

COLOURS = ("#2c6e9b", "#c4572e", "#4b8b3b", "#e0a526", "#7a5195", "#555555", "#1fa3a3", "#b0417a")
WIDTH_INCHES, HEIGHT_INCHES, LEGEND_ROW_INCHES = 13.0, 8.0, 0.22
LEGEND_COLUMNS = 3
SMOOTHED_SHARE = 0.02  # of a training's steps: those that are averaged for a point of a curve
FEW_POINTS, POINTS_DRAWN = 500, 4000  # of single steps, of each training
LOGARITHMIC_FROM = 4.0  # the largest loss by the smallest
LOSS, ERROR, RATE, SPEED, WAIT = "loss", "error", "rate", "speed", "wait"


@dataclass(frozen=True)
class Course:
    """A training as it is drawn."""

    history: History
    name: str
    colour: str
    by_epoch: bool

    def places(self, columns: Mapping[str, Floats]) -> Floats:
        """Where lines stand on the horizontal axis."""
        return self.history.epochs(columns["step"]) if self.by_epoch else columns["step"]


def draw(histories: Sequence[History], path: Path) -> None:
    """Write the picture, a PNG of 1,300 pixels in width; each training has its colour.

    The curves run over epochs, so that trainings with batches of other sizes can be compared; over steps where one of
    them has no validation yet, which tells how long an epoch is.

    Raises:
        MissingPackage: matplotlib is not installed.
    """
    by_epoch = all(history.validations for history in histories)
    courses = [
        Course(history, name, COLOURS[number % len(COLOURS)], by_epoch)
        for number, (history, name) in enumerate(zip(histories, names(histories), strict=True))
    ]
    waits = any("data_wait" in history.steps for history in histories)
    panels, heights = ([[LOSS, ERROR], [RATE, SPEED]], [1.0, 0.8])
    if waits:
        panels, heights = ([*panels, [RATE, WAIT]], [1.0, 0.55, 0.25])
    legend_rows = -(-len(courses) // LEGEND_COLUMNS) if len(courses) > 1 else 0
    with picture(path, WIDTH_INCHES, HEIGHT_INCHES + LEGEND_ROW_INCHES * legend_rows) as figure:
        axes: dict[str, Axes] = figure.subplot_mosaic(panels, sharex=True, height_ratios=heights)
        for name, draw_panel in PANELS.items():
            if name in axes:
                draw_panel(axes[name], courses)
                _finish(axes[name])
        for name in (RATE, WAIT if waits else SPEED):
            axes[name].set_xlabel("epochs" if by_epoch else "steps")
            axes[name].tick_params(labelbottom=True)
        axes[RATE].set_xlim(left=0)
        figure.align_ylabels()
        if len(courses) == 1:
            figure.suptitle(courses[0].name, fontsize=12)
        else:
            figure.legend(
                handles=[_handle(course.name, course.colour) for course in courses],
                loc="outside lower center",
                ncols=min(LEGEND_COLUMNS, len(courses)),
                frameon=False,
            )


def names(histories: Sequence[History]) -> list[str]:
    """Name trainings by as much of the ends of their folders as tells them apart."""
    parts = [history.exp.resolve().parts for history in histories]
    for count in range(1, max(map(len, parts))):
        short = ["/".join(each[-count:]) for each in parts]
        if len(set(short)) == len(short):
            return short
    return [str(history.exp) for history in histories]


def smoothed(values: Floats) -> Floats:
    """Average each value with its neighbours, as many as the share of all says; what is not finite does not count."""
    half = round(SMOOTHED_SHARE * len(values) / 2)
    finite = np.isfinite(values)
    sums, counts = (np.insert(np.cumsum(each), 0, 0.0) for each in (np.where(finite, values, 0.0), finite))
    places = np.arange(len(values))
    first, last = np.maximum(places - half, 0), np.minimum(places + half + 1, len(values))
    with np.errstate(invalid="ignore"):  # no finite value near: NaN
        return np.asarray((sums[last] - sums[first]) / (counts[last] - counts[first]), np.float64)


def _draw_losses(axes: "Axes", courses: Sequence[Course]) -> None:
    for course in courses:
        steps, validations = course.history.steps, course.history.validations
        if "loss" in steps:
            _draw_steps(axes, course, steps["loss"], smoothed(steps["loss"]))
        elif "train_loss" in validations:
            axes.plot(course.places(validations), validations["train_loss"], color=course.colour)
        if "dev_loss" in validations:
            axes.plot(course.places(validations), validations["dev_loss"], "o--", color=course.colour, markersize=4)
    shown = np.concatenate([np.zeros(0), *(np.asarray(line.get_ydata(), np.float64) for line in axes.lines)])
    shown = shown[np.isfinite(shown)]
    if len(shown) and shown.min() > 0 and shown.max() > LOGARITHMIC_FROM * shown.min():
        _make_logarithmic(axes)
    axes.set_ylabel("loss")
    handles = [_handle("train", "#333333"), _handle("dev", "#333333", "--", "o")]
    axes.legend(handles=handles, frameon=False, loc="upper right")


def _draw_errors(axes: "Axes", courses: Sequence[Course]) -> None:
    measured = [course for course in courses if course.history.error_name]
    kinds = {course.history.error_name for course in measured}
    for course in measured:
        places, percents = course.places(course.history.validations), 100 * course.history.errors
        axes.plot(places, percents, "o-", color=course.colour, markersize=4)
        if np.isfinite(percents).any():
            best = int(np.nanargmin(percents))
            at = f"{'epoch' if course.by_epoch else 'step'} {places[best]:.4g}"
            kind = "" if len(kinds) == 1 else f" ({_words(course.history.error_name)})"
            label = f"best {percents[best]:.2f}% at {at}{kind}"
            axes.plot(
                places[best], percents[best], "o", color=course.colour, markersize=9, fillstyle="none", label=label
            )
    axes.set_ylabel(f"dev {_words(kinds.pop()) if len(kinds) == 1 else 'error rate'}, %")
    axes.set_ylim(bottom=0)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, loc="upper right")
    else:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "no validation yet", transform=axes.transAxes, ha="center", color="#777777")


def _draw_learning_rates(axes: "Axes", courses: Sequence[Course]) -> None:
    for course in courses:
        steps, validations = course.history.steps, course.history.validations
        columns, style = (steps, "-") if "learning_rate" in steps else (validations, "o-")
        if "learning_rate" not in columns:
            continue
        axes.plot(course.places(columns), columns["learning_rate"], style, color=course.colour, markersize=4)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("learning rate")


def _draw_speeds(axes: "Axes", courses: Sequence[Course]) -> None:
    for course in courses:
        steps, validations = course.history.steps, course.history.validations
        if "wall" in steps:
            _draw_steps(axes, course, *_ratios(steps["seconds"], steps["wall"]))
        elif "audio_seconds_per_second" in validations:
            speeds = validations["audio_seconds_per_second"]
            axes.plot(course.places(validations), speeds, "o-", color=course.colour, markersize=4)
    lines = [np.asarray(line.get_ydata(), np.float64) for line in axes.lines if line.get_linestyle() != "None"]
    highest = max((float(line[np.isfinite(line)].max(initial=0.0)) for line in lines), default=0.0)
    axes.set_ylim(0, 1.6 * highest or 1.0)  # single steps may be far above
    axes.set_ylabel("speed, s of audio per s")


def _draw_waits(axes: "Axes", courses: Sequence[Course]) -> None:
    for course in courses:
        steps = course.history.steps
        if "data_wait" in steps:
            _draw_steps(axes, course, *(100 * each for each in _ratios(steps["data_wait"], steps["wall"])))
    axes.set_ylim(0, max(5.0, min(100.0, axes.get_ylim()[1])))
    axes.set_ylabel("waiting\nfor data, %")


PANELS = {
    LOSS: _draw_losses,
    ERROR: _draw_errors,
    RATE: _draw_learning_rates,
    SPEED: _draw_speeds,
    WAIT: _draw_waits,
}


def _draw_steps(axes: "Axes", course: Course, single: Floats, smooth: Floats) -> None:
    places = course.places(course.history.steps)
    every = -(-len(places) // POINTS_DRAWN)
    axes.plot(
        places[::every],
        single[::every],
        ".",
        color=course.colour,
        alpha=0.2 if len(places) > FEW_POINTS else 0.5,
        markersize=3.5,
        markeredgewidth=0,
    )
    axes.plot(places, smooth, color=course.colour, linewidth=1.6)


def _ratios(above: Floats, below: Floats) -> tuple[Floats, Floats]:
    """Ratio at each step, and that of the sums over its neighbours."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return above / below, smoothed(above) / smoothed(below)


def _make_logarithmic(axes: "Axes") -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def _finish(axes: "Axes") -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e4e4e4", linewidth=0.7)
    axes.set_axisbelow(True)


def _handle(label: str, colour: str, linestyle: str = "-", marker: str = "") -> "Line2D":
    from matplotlib.lines import Line2D

    return Line2D([], [], label=label, color=colour, linestyle=linestyle, marker=marker, markersize=4)


def _words(name: str | None) -> str:
    return (name or "").replace("_", " ")
