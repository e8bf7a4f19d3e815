"""``pyspeech audio``: resample the recordings of manifests once, on disk."""

import logging
from collections import Counter
from pathlib import Path

import click

from pyspeech.errors import UserError

PATH = click.Path(path_type=Path)
log = logging.getLogger(__name__)


@click.command()
@click.argument("manifests", nargs=-1, required=True, type=PATH)
@click.argument("out", type=PATH)
@click.option("--config", "config_path", type=PATH, help="YAML with a section 'features', whose rate is taken.")
@click.option("--rate", type=click.IntRange(min=1), help="The rate in Hz.")
@click.option("--jobs", type=click.IntRange(min=1), help="Recordings at a time; without it one per core.")
def audio(manifests: tuple[Path, ...], out: Path, config_path: Path | None, rate: int | None, jobs: int | None) -> None:
    """Copy the recordings of MANIFESTS at one sampling rate to OUT/flac, and write OUT/<name>.jsonl.gz, which point to
    them.

    For training on audio, which else would be resampled in every epoch. Copies are FLAC of 16 bits, all channels,
    quieter than their sources where they would be clipped. A recording that is at the rate is not copied; a copy that
    is there is not made again. A few recordings of train that cannot be read are left out and named.
    """
    from pyspeech.config import load_feature_config
    from pyspeech.corpora.resampled import Resampler
    from pyspeech.threads import physical_cores

    if config_path is not None and rate is None:
        rate = load_feature_config(config_path).sampling_rate
    elif config_path is not None or rate is None:
        raise click.UsageError("give --config or --rate, one of them")
    if twice := [name for name, count in Counter(path.name for path in manifests).items() if count > 1]:
        raise UserError(
            f"two manifests are called {twice[0]}, both would be {out / twice[0]}; give each a folder of its own"
        )
    resampler = Resampler(out, rate, jobs or physical_cores())
    for path in manifests:
        counts = resampler.manifest(path)
        log.info(f"{out / path.name}: {counts.utterances} utterances, {counts.seconds / 3600:.2f} hours")
    outcomes = resampler.outcomes
    log.info(
        f"{out}: {outcomes['made'] + outcomes['quieter']} recordings copied at {rate} Hz, "
        f"{outcomes['quieter']} of them quieter lest they clip; {outcomes['there']} were there"
    )
