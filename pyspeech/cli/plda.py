"""``pyspeech plda``: how speakers differ, and how one speaker's utterances differ."""

from pathlib import Path

import click

from pyspeech.cli.output import OUTPUT
from pyspeech.errors import UserError

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("train_embeddings", type=PATH)
@click.argument("out", type=OUTPUT)
@click.option("--lda", type=int, metavar="N", help="Keep N directions only; all without it, as is best for few data.")
def plda(train_embeddings: Path, out: Path, lda: int | None) -> None:
    """Fit a PLDA to the speakers of TRAIN_EMBEDDINGS; write the file OUT, for pyspeech verify --plda."""
    from pyspeech.speakers.embeddings import load_embeddings
    from pyspeech.speakers.plda import save_plda, train_plda

    if out.is_dir():  # before the work rather than after it
        raise UserError(f"{out} is a folder, which a file would replace; name a file in it")
    fitted = train_plda(load_embeddings(train_embeddings), lda)
    save_plda(fitted, out)
    click.echo(f"{out}: {len(fitted.speakers)} speakers, {fitted.projection_DE.shape[1]} directions")
