"""What click lacks: numbers that are finite, names near a wrong one, and how much is told; and options of several."""

import functools
import logging
import math
from collections.abc import Callable
from typing import Any

import click

from pyspeech.errors import nearest
from pyspeech.messages import tell_from, told_from


class FiniteFloat(click.FloatRange):
    """A range of floats without ``nan`` and ``inf``, which click takes for numbers too."""

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


jobs_beside_network = click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Processes: one with the network, the others read audio and compute features for it. Without it two, for a "
    "GPU one per core, or one for little audio.",
)


class NamingGroup(click.Group):
    """Names the nearest of its commands for one that it has not."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        names = self.list_commands(ctx)
        if args and args[0] not in names:
            raise click.UsageError(f"no command '{args[0]}'{nearest(args[0], names)}", ctx)
        return super().resolve_command(ctx, args)


def verbosity(command: Callable[..., None]) -> Callable[..., None]:
    """Give a group ``-v`` and ``-q``, which say what of the messages is told."""

    @click.option("-v", "--verbose", is_flag=True, help="Also tell which files are read and written, in how long.")
    @click.option("-q", "--quiet", is_flag=True, help="Tell warnings and errors alone.")
    @functools.wraps(command)
    def told(verbose: bool, quiet: bool, **others: object) -> None:
        if verbose and quiet:
            raise click.UsageError("-v and -q exclude each other")
        tell_from(logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO)
        command(**others)

    return told


def given_verbosity() -> list[str]:
    """The option of :func:`verbosity` that this command was given, if any."""
    return {logging.DEBUG: ["-v"], logging.WARNING: ["-q"]}.get(told_from() or logging.INFO, [])
