"""What click lacks: numbers that are finite, as it takes ``nan`` and ``inf`` for some, and names near a wrong one."""

import math
from typing import Any

import click

from pyspeech.errors import nearest


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


class NamingGroup(click.Group):
    """Names the nearest of its commands for one that it has not."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        names = self.list_commands(ctx)
        if args and args[0] not in names:
            raise click.UsageError(f"no command '{args[0]}'{nearest(args[0], names)}", ctx)
        return super().resolve_command(ctx, args)
