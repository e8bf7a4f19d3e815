"""LJSpeech: 13,100 clips of one reader, 24 hours (https://keithito.com/LJ-Speech-Dataset, public domain).

A corpus with ``splits/<split>.txt`` says itself which ids are whose. LJSpeech's are in ``splits`` beside this file: the
last 250 are test, the 250 before dev, as in ESPnet. Without half of those, the last tenth is test, that before dev.
"""

from collections.abc import Iterator
from pathlib import Path

from pyspeech.cli.prepare import Row, corpus_cli, download_archive
from pyspeech.corpora.split_lists import listed, lists_within, read_split_lists
from pyspeech.files import existing
from pyspeech.lang.spoken import spoken_words

URL = "https://data.keithito.com/data/speech/LJSpeech-1.1.tar.bz2"
PUBLISHED = read_split_lists(Path(__file__).parent / "splits")


def download(corpus: Path) -> None:
    download_archive(URL, corpus, sha256="be1a30453f28eb8dd26af4101ae40cbf2c50413b1bb21936cbcdc6fae3de8aa5")


def split_lists(corpus: Path, ids: list[str]) -> dict[str, list[str]]:
    tenth = max(1, len(ids) // 10)
    tenths = {"dev": ids[-2 * tenth : -tenth], "test": ids[-tenth:]}
    return read_split_lists(corpus / "splits") or lists_within(PUBLISHED, ids) or tenths


def rows(corpus: Path, split: str) -> Iterator[Row]:
    lines = existing(corpus / "metadata.csv", "table of transcripts").read_text(encoding="utf-8").splitlines()
    texts = {line.split("|")[0]: line.split("|")[-1] for line in sorted(lines)}  # id|as written|as spoken
    for id_ in listed(split, split_lists(corpus, [*texts]), texts):
        yield Row(corpus / "wavs" / f"{id_}.wav", text=" ".join(spoken_words(texts[id_])), speaker="LJ")


if __name__ == "__main__":
    corpus_cli(rows, download=download)
