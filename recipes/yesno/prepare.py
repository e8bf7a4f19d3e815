"""yesno: 60 files, one man, eight Hebrew words each, "yes" or "no", 8 kHz (https://www.openslr.org/1/).

Every second file is the test set and all others train, as in Kaldi. Four of those are dev too: they show that training
goes well, and nothing is chosen by them (the settings were chosen by cross-validation, see RESULTS.md).
"""

from collections.abc import Iterator
from pathlib import Path

from pyspeech.cli.prepare import Row, corpus_cli, download_archive

URL = "https://www.openslr.org/resources/1/waves_yesno.tar.gz"
WORDS = {"0": "NO", "1": "YES"}


def download(corpus: Path) -> None:
    download_archive(URL, corpus, sha256="c3f49e0cca421f96b75b41640749167b52118f232498667ca7a5f9416aef8e73")


def rows(corpus: Path, split: str) -> Iterator[Row]:
    """Files are named for their words: ``1_0_0_1_1_1_0_1.wav``."""
    files = sorted(corpus.glob("[01]_*.wav"))
    parts = {"test": files[1::2], "dev": files[6::16], "train": files[::2]}
    for path in parts[split]:
        yield Row(path, text=" ".join(WORDS[word] for word in path.stem.split("_")), speaker="man")


if __name__ == "__main__":
    corpus_cli(rows, download=download)
