"""The demo's corpus: orders to a telephone, full of rare names, spoken by espeak-ng as conf/corpus.yaml says.

Nothing is downloaded. The splits share neither voices nor sentences, and some names occur only in test.
"""

from pathlib import Path

from pyspeech.cli.prepare import corpus_cli
from pyspeech.corpora.sources.table import Table
from pyspeech.corpora.synthesis import load_plan, synthesise

PLAN = Path(__file__).parent / "conf/corpus.yaml"
TABLE = Table("utterances.csv", audio="{file}", text="{text}", speaker="{speaker}", split="{split}", language="en-us")


def download(corpus: Path) -> None:
    synthesise(load_plan(PLAN), corpus)


if __name__ == "__main__":
    corpus_cli(TABLE.cuts, TABLE.splits, download)
