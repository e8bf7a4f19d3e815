"""``pyspeech verify``: how alike the two utterances of each trial are."""

from pathlib import Path

import click

from pyspeech.cli.output import OUTPUT
from pyspeech.speakers.score_norm import TOP

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("trials", type=PATH)
@click.argument("embeddings", type=PATH)
@click.option("--out", required=True, type=OUTPUT, help="Folder to write.")
@click.option("--plda", type=PATH, help="What pyspeech plda wrote; without it scores are cosines.")
@click.option("--cohort", type=PATH, help="Embeddings of other speakers, such as train's, to normalise scores by.")
@click.option(
    "--top",
    type=click.IntRange(min=2),
    show_default=str(TOP),
    help="How many speakers of the cohort, those most like an utterance, count.",
)
def verify(trials: Path, embeddings: Path, out: Path, plda: Path | None, cohort: Path | None, top: int | None) -> None:
    """Score every trial of the list TRIALS by its two EMBEDDINGS; write scores.tsv."""
    from pyspeech.speakers.verify import Backend
    from pyspeech.speakers.verify import verify as run

    if top is not None and cohort is None:
        raise click.UsageError("--top counts speakers of --cohort; give that too")
    count = run(trials, embeddings, out, Backend(plda, cohort, top or TOP))
    click.echo(f"{out}: {count} trials")
