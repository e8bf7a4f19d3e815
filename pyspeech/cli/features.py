"""``pyspeech features``: compute the features of manifests once, on disk."""

import logging
from collections import Counter
from pathlib import Path

import click

PATH = click.Path(path_type=Path)
log = logging.getLogger(__name__)


@click.command()
@click.argument("manifests", nargs=-1, required=True, type=PATH)
@click.argument("out", type=PATH)
@click.option("--config", "config_path", required=True, type=PATH, help="YAML with a section 'features'.")
@click.option("--perturb", multiple=True, help="Manifest (its name without ending) stored at every speed of 'augment'.")
@click.option("--jobs", type=click.IntRange(min=1), help="Processes; without it one per core, or one for little audio.")
def features(
    manifests: tuple[Path, ...], out: Path, config_path: Path, perturb: tuple[str, ...], jobs: int | None
) -> None:
    """Compute the features of MANIFESTS and write OUT/<name>.jsonl.gz, which points to them.

    After a run that was stopped, the same command goes on: what was finished is not computed again, unless the
    manifest, its audio files or the configuration have changed.

    Optional: training and decoding compute features on the fly, from the same configuration, for cuts without.
    """
    from pyspeech.config import AugmentConfig, load_feature_config
    from pyspeech.data.stored_features import Store, store_all
    from pyspeech.errors import UserError, nearest
    from pyspeech.settings import check_config, read_yaml

    if twice := [name for name, count in Counter(map(_name, manifests)).items() if count > 1]:
        raise UserError(f"two manifests are called {twice[0]}, both would be in {out}; give each a folder of its own")
    names = {_name(path): path for path in manifests}
    for name in perturb:
        if name not in names:
            raise UserError(f"--perturb {name}: no such manifest among those given{nearest(name, names)}")
    config = load_feature_config(config_path)
    speeds: tuple[float, ...] = (1.0,)
    if perturb:
        augment = read_yaml(config_path).get("augment")
        speeds = check_config(AugmentConfig, augment, f"{config_path}: augment").speeds
    stores = [Store(path, out / path.name, speeds if name in perturb else (1.0,)) for name, path in names.items()]
    for store, counts in zip(stores, store_all(stores, config, jobs), strict=True):
        log.info(f"{store.path}: {counts.utterances} utterances, {counts.seconds / 3600:.2f} hours")


def _name(manifest: Path) -> str:
    return manifest.name.partition(".")[0]
