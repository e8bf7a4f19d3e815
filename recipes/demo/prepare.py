"""The demo's corpus: orders to a telephone, full of rare names, spoken by espeak-ng as conf/corpus.yaml says.

Nothing is downloaded. The splits share neither voices nor sentences, and some names occur only in test.
"""

from collections.abc import Iterator
from pathlib import Path

from lhotse import MonoCut

from pyspeech.data.corpus import corpus_cli, utterance
from pyspeech.data.synthesis import load_plan, read_spoken, synthesise

PLAN = Path(__file__).parent / "conf/corpus.yaml"


def download(corpus: Path) -> None:
    synthesise(load_plan(PLAN), corpus)


def cuts(corpus: Path, split: str) -> Iterator[MonoCut]:
    for spoken in read_spoken(corpus, split):
        yield utterance(spoken.path, spoken.text, spoken.speaker)


if __name__ == "__main__":
    corpus_cli(splits=("train", "dev", "test"), download=download, cuts=cuts)
