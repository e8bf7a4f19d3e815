"""``pyspeech embed``: one vector for each cut."""

from pathlib import Path

import click

from pyspeech.cli.options import FiniteFloat, jobs_beside_network
from pyspeech.cli.output import OUTPUT

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("exp", type=PATH)
@click.argument("cuts", type=PATH)
@click.argument("out", type=OUTPUT)
@click.option(
    "--window",
    type=FiniteFloat(min=0, min_open=True),
    default=20.0,
    show_default=True,
    metavar="SECONDS",
    help="What lasts longer is embedded in equal windows, and their embeddings are averaged.",
)
@click.option("--device", help="cpu, cuda or cuda:<number>; without it a GPU where there is one, else the CPU.")
@jobs_beside_network
def embed(exp: Path, cuts: Path, out: Path, window: float, device: str | None, jobs: int | None) -> None:
    """Write the embeddings of the manifest CUTS by the model in EXP to the folder OUT."""
    from pyspeech.inference.embedding import embed as run

    click.echo(f"{out}: {run(exp, cuts, out, device, window, jobs)} embeddings")
