"""``pyspeech trials``: pairs of utterances that a verification is measured on."""

from pathlib import Path

import click

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("manifest", type=PATH)
@click.argument("out", type=PATH)
@click.option(
    "--non-targets",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Pairs of different speakers for each pair of one speaker, drawn at random but always the same.",
)
def trials(manifest: Path, out: Path, non_targets: int) -> None:
    """Pair the utterances of MANIFEST and write them to OUT, one pair a line: 1 for one speaker, 0 for two."""
    from pyspeech.scoring.trials import make_trials, read_speakers, write_trials

    made = make_trials(read_speakers(manifest), non_targets)
    write_trials(made, out)
    targets = sum(trial.target for trial in made)
    click.echo(f"{out}: {targets} target and {len(made) - targets} non-target trials", err=True)
