"""LJSpeech: 13,100 clips of one reader, 24 hours (https://keithito.com/LJ-Speech-Dataset, public domain).

A corpus with ``splits/<split>.txt`` says itself which ids are whose. LJSpeech's own are in ``splits`` beside this file:
the last 250 are test and the 250 before dev, as in ESPnet. Of a corpus with less than half of those, the last tenth is
test, that before dev.
"""

from collections.abc import Iterator
from pathlib import Path

from lhotse import MonoCut

from pyspeech.data.corpus import corpus_cli, download_archive, utterance
from pyspeech.data.split_lists import listed, read_split_lists
from pyspeech.files import existing
from pyspeech.lang.spoken import spoken_words

URL = "https://data.keithito.com/data/speech/LJSpeech-1.1.tar.bz2"
PUBLISHED = read_split_lists(Path(__file__).parent / "splits")


def download(corpus: Path) -> None:
    download_archive(URL, corpus)


def split_lists(corpus: Path, ids: list[str]) -> dict[str, list[str]]:
    if own := read_split_lists(corpus / "splits"):
        return own
    known, tenth = {*ids}, max(1, len(ids) // 10)
    published = {split: [id_ for id_ in listed if id_ in known] for split, listed in PUBLISHED.items()}
    if all(2 * len(published[split]) > len(listed) for split, listed in PUBLISHED.items()):
        return published
    return {"dev": ids[-2 * tenth : -tenth], "test": ids[-tenth:]}


def cuts(corpus: Path, split: str) -> Iterator[MonoCut]:
    lines = existing(corpus / "metadata.csv", "table of transcripts").read_text(encoding="utf-8").splitlines()
    texts = {line.split("|")[0]: line.split("|")[-1] for line in sorted(lines)}  # id|as written|as spoken
    for id_ in listed(split, split_lists(corpus, [*texts]), texts):
        yield utterance(corpus / "wavs" / f"{id_}.wav", text=" ".join(spoken_words(texts[id_])), speaker="LJ")


if __name__ == "__main__":
    corpus_cli(cuts, download=download)
