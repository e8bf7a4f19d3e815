"""``pyspeech verify``: how alike the two utterances of each trial are."""

from pathlib import Path

import click

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("trials", type=PATH)
@click.argument("embeddings", type=PATH)
@click.option("--out", required=True, type=PATH, help="Folder to write.")
def verify(trials: Path, embeddings: Path, out: Path) -> None:
    """Score every trial of the list TRIALS by the cosine of its two EMBEDDINGS; write scores.tsv."""
    from pyspeech.scoring.verification import verify as run

    click.echo(f"{out}: {run(trials, embeddings, out)} trials")
