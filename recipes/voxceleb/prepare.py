"""voxceleb: celebrities in interviews on YouTube, 1,251 speakers in 352 hours, and 5,994 more in VoxCeleb2.

https://www.robots.ox.ac.uk/~vgg/data/voxceleb. Nothing of it is fetched: its makers want a form filled in.
"""

from collections.abc import Iterator
from pathlib import Path

from lhotse import MonoCut

from pyspeech.cli.prepare import corpus_cli
from pyspeech.corpora.sources.voxceleb import VoxCeleb


def splits(corpus: Path, voxceleb2_dir: str) -> tuple[str, ...]:
    """Also says what is to be put there, unless it is."""
    return VoxCeleb(voxceleb2_dir).splits(corpus)


def cuts(corpus: Path, split: str, voxceleb2_dir: str) -> Iterator[MonoCut]:
    return VoxCeleb(voxceleb2_dir).cuts(corpus, split)


if __name__ == "__main__":
    corpus_cli(cuts, splits, download=splits, voxceleb2_dir="")
