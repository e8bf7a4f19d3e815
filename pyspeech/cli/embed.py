"""``pyspeech embed``: one vector for each cut."""

from pathlib import Path

import click

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("exp", type=PATH)
@click.argument("cuts", type=PATH)
@click.argument("out", type=PATH)
@click.option("--device", help="cpu, cuda or cuda:<number>; without it a GPU that works, else the CPU.")
def embed(exp: Path, cuts: Path, out: Path, device: str | None) -> None:
    """Write the embeddings of the manifest CUTS by the model in EXP to the folder OUT."""
    from pyspeech.tasks.embedding import embed as run

    click.echo(f"{out}: {run(exp, cuts, out, device)} embeddings")
