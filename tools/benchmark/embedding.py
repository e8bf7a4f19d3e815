"""Seconds of audio that speaker networks embed in a second on one thread, batched as ``pyspeech embed`` does.

    python -m tools.benchmark.embedding MANIFEST CONFIG... [--seconds 600] [--runs 3]

The networks are new: speed does not depend on the weights. All take turns in each run; what is printed are medians.
"""

import itertools
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import click
import torch
from lhotse.cut import Cut

from pyspeech.config import Config, load_config
from pyspeech.data.batches import duration, grouped
from pyspeech.data.features import FeatureExtractor, Samples, load_audio
from pyspeech.data.manifests import read_manifest
from pyspeech.inference.embedding import Embedder
from pyspeech.models import build_model

PATH = click.Path(path_type=Path)
LABELS = 2  # of which networks of embeddings know nothing


@click.command()
@click.argument("manifest", type=PATH)
@click.argument("configs", metavar="CONFIG...", nargs=-1, required=True, type=PATH)
@click.option("--seconds", default=600.0, show_default=True, help="Audio to embed, from the begin of MANIFEST.")
@click.option("--runs", default=3, show_default=True)
def main(manifest: Path, configs: Sequence[Path], seconds: float, runs: int) -> None:
    """Measure the networks of CONFIG..."""
    torch.set_num_threads(1)
    embedders = {path.stem: _embedder(load_config(path)) for path in configs}
    rate = next(iter(embedders.values())).config.features.sampling_rate
    cuts = _begin(manifest, seconds)
    audio = [load_audio(cut, rate)[0] for cut in cuts]
    total = sum(cut.duration for cut in cuts)
    click.echo(f"{len(audio)} utterances, {total:.0f} seconds, torch {torch.__version__}, one thread")
    speeds: dict[str, list[tuple[float, ...]]] = {name: [] for name in embedders}
    for _, (name, embedder) in itertools.product(range(runs), embedders.items()):
        speeds[name].append(tuple(total / spent for spent in _measured(embedder, cuts, audio)))
    click.echo(f"{'':14s}{'parameters':>12s}{'features':>10s}{'network':>10s}{'both':>10s}")
    for name, found in speeds.items():
        features, network = (statistics.median(column) for column in zip(*found, strict=True))
        parameters = sum(p.numel() for p in embedders[name].model.parameters())
        both = 1 / (1 / features + 1 / network)
        click.echo(f"{name:14s}{parameters:12,d}{features:10.0f}{network:10.0f}{both:10.0f}")


def _embedder(config: Config) -> Embedder:
    return Embedder(config, build_model(config.model, config.features.num_features, LABELS).eval())


def _begin(manifest: Path, seconds: float) -> list[Cut]:
    """As many cuts as last ``seconds`` together."""
    cuts: list[Cut] = []
    total = 0.0
    for cut in read_manifest(manifest):
        cuts.append(cut)
        total += cut.duration
        if total >= seconds:
            break
    return cuts


def _measured(embedder: Embedder, cuts: Sequence[Cut], audio: Sequence[Samples]) -> tuple[float, float]:
    """Seconds that features and network take."""
    extractor = FeatureExtractor(embedder.config.features)
    began = time.perf_counter()
    matrices = [extractor.from_samples(samples_S) for samples_S in audio]
    between = time.perf_counter()
    rest = iter(matrices)
    for group in grouped(cuts, duration, embedder.config.batches.max_seconds):
        embedder.embed(list(itertools.islice(rest, len(group))))
    return between - began, time.perf_counter() - between


if __name__ == "__main__":
    main()
