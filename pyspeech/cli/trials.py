"""``pyspeech trials``: pairs of utterances that a verification is measured on."""

import logging
from pathlib import Path

import click

from pyspeech.cli.output import OUTPUT

PATH = click.Path(path_type=Path)
log = logging.getLogger(__name__)


@click.command()
@click.argument("manifest", type=PATH)
@click.argument("out", type=OUTPUT)
@click.option(
    "--non-targets",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Pairs of different speakers for each pair of one speaker, drawn at random but always the same.",
)
@click.option(
    "--most",
    type=click.IntRange(min=2),
    default=20,
    show_default=True,
    help="Utterances of a speaker that are paired, drawn in the same way: pairs grow with their square.",
)
@click.option("--list", "given", type=PATH, help="Take the trials of this list, which a corpus brings along.")
def trials(manifest: Path, out: Path, non_targets: int, most: int, given: Path | None) -> None:
    """Pair the utterances of MANIFEST and write them to OUT, one pair a line: 1 for one speaker, 0 for two.

    The pairs of a given list must be of utterances of MANIFEST, by their ids or the paths of their audio, and say of
    them what it says of their speakers.
    """
    from pyspeech.speakers.trials import by_ids, check_trials, make_trials, read_speakers, read_trials, write_trials

    speakers = read_speakers(manifest)
    if given is None:
        made = make_trials(speakers, non_targets, most=most)
    else:
        made = list(by_ids(read_trials(given), speakers))
        check_trials(made, speakers, given, manifest)
    write_trials(made, out)
    targets = sum(trial.target for trial in made)
    log.info(f"{out}: {targets} target and {len(made) - targets} non-target trials")
