"""Free Spoken Digit Dataset: 3,000 isolated English digits, 8 kHz, six speakers.

https://github.com/Jakobovski/free-spoken-digit-dataset (CC BY-SA 4.0). Takes 0 to 4 of every speaker and digit
are the test set, as the corpus asks; takes 5 to 7 are held out to choose epochs on.
"""

from collections.abc import Iterator
from pathlib import Path

from pyspeech.cli.prepare import Row, corpus_cli, git_clone

URL = "https://github.com/Jakobovski/free-spoken-digit-dataset"
COMMIT = "26eb9aaf76e81b692f806f9140c2d2777410d7a1"  # of May 2024; later ones may hold other recordings
WORDS = ["ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE"]
FIRST_TAKE = {"test": 0, "dev": 5, "train": 8}


def download(corpus: Path) -> None:
    git_clone(URL, corpus, COMMIT)


def rows(corpus: Path, split: str) -> Iterator[Row]:
    """Files are named ``<digit>_<speaker>_<take>.wav``."""
    for path in sorted((corpus / "recordings").glob("*.wav")):
        digit, speaker, take = path.stem.split("_")
        if split == max((name for name in FIRST_TAKE if FIRST_TAKE[name] <= int(take)), key=FIRST_TAKE.__getitem__):
            yield Row(path, text=WORDS[int(digit)], speaker=speaker)


if __name__ == "__main__":
    corpus_cli(rows, download=download)
