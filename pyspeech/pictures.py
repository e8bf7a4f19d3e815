"""Pictures by matplotlib, which may not be installed; written completely or not at all."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pyspeech.errors import MissingPackage
from pyspeech.files import complete

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS_PER_INCH = 100


@contextmanager
def picture(path: Path, width_inches: float, height_inches: float) -> Iterator["Figure"]:
    """Give a figure to draw in, and write it to ``path`` as a PNG with 100 dots an inch.

    Raises:
        MissingPackage: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise MissingPackage("matplotlib", path.name, "pip install 'pyspeech-recipes[plot]'") from error
    with mpl.rc_context({"text.parse_math": False}), warnings.catch_warnings(), complete(path) as partial:
        warnings.simplefilter("ignore")  # of scripts that the font lacks: it draws boxes in their place
        figure = Figure(figsize=(width_inches, height_inches), layout="constrained")
        yield figure
        figure.savefig(partial, dpi=DOTS_PER_INCH, format="png")
