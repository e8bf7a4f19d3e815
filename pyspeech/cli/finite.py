"""A number as an option: click takes ``nan``, and ``inf`` where a range is open, for numbers too."""

import math
from typing import Any

import click


class FiniteFloat(click.FloatRange):
    """A range of floats without ``nan`` and ``inf``."""

    def convert(
        self,
        value: Any,  # noqa: ANN401 -- as click has it
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no finite number.", param, ctx)
        return number
