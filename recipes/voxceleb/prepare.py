"""voxceleb: celebrities in interviews on YouTube, 1,251 speakers in 352 hours, and 5,994 more in VoxCeleb2.

https://www.robots.ox.ac.uk/~vgg/data/voxceleb. Nothing of it is fetched: its makers want a form filled in.
"""

import os
from pathlib import Path

from pyspeech.corpora.corpus import corpus_cli
from pyspeech.corpora.sources.voxceleb import VoxCeleb

VOXCELEB = VoxCeleb(voxceleb2=os.environ.get("VOXCELEB2_DIR", ""))


def download(corpus: Path) -> None:
    """Say what is to be put there, unless it is."""
    VOXCELEB.splits(corpus)


if __name__ == "__main__":
    corpus_cli(VOXCELEB.cuts, VOXCELEB.splits, download)
