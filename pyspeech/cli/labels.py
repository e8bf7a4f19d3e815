"""``pyspeech labels``: the table of words or speakers that a network is to tell apart."""

import logging
from pathlib import Path

import click

from pyspeech.cli.output import OUTPUT

PATH = click.Path(path_type=Path)
log = logging.getLogger(__name__)


@click.command()
@click.argument("out", type=OUTPUT)
@click.option("--manifest", "manifests", required=True, multiple=True, type=PATH, help="Manifest; repeatable.")
@click.option(
    "--field", required=True, type=click.Choice(["text", "speaker"]), help="What of an utterance is its label."
)
def labels(out: Path, manifests: tuple[Path, ...], field: str) -> None:
    """Make the table of all labels of the manifests and write it to OUT."""
    from pyspeech.lang.labels import LabelTable, count_labels
    from pyspeech.scoring.wer import shortened

    counts = count_labels(manifests, field)  # type: ignore[arg-type]
    LabelTable(field, tuple(counts)).save(out)  # type: ignore[arg-type]
    if rare := [label for label, count in counts.items() if count == 1]:
        log.warning(f"warning: labels with one utterance only ({len(rare)}): {shortened(rare, 20)}")
    log.info(f"{out}: {len(counts)} labels, {sum(counts.values())} utterances")
