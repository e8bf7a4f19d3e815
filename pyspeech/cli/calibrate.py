"""``pyspeech calibrate``: scores as likelihood ratios."""

from pathlib import Path

import click

from pyspeech.cli.options import FiniteFloat
from pyspeech.cli.output import OUTPUT

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("verification", type=PATH)
@click.option(
    "--tune", required=True, type=PATH, metavar="DEV_VERIFICATION", help="Of other speakers, scored by the same means."
)
@click.option("--out", required=True, type=OUTPUT, help="Folder to write.")
@click.option(
    "--p-target",
    type=FiniteFloat(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="How probable one speaker is where decisions are made: there the ratios are to fit best.",
)
def calibrate(verification: Path, tune: Path, out: Path, p_target: float) -> None:
    """Make natural log-likelihood ratios of the scores of VERIFICATION, by logistic regression on those of dev."""
    from pyspeech.speakers.calibrate import calibrate as run

    fitted = run(verification, tune, out, p_target)
    click.echo(f"{out}: {fitted.scale:.4g} * score {'-' if fitted.offset < 0 else '+'} {abs(fitted.offset):.4g}")
