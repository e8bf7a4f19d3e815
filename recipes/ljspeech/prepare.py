"""LJSpeech: 13,100 clips of one reader, 24 hours (https://keithito.com/LJ-Speech-Dataset, public domain).

Where the corpus has ``splits/<split>.txt``, these list the ids; else the last 250 clips, or a tenth, test, as many dev.
"""

from collections.abc import Iterator
from pathlib import Path

from lhotse import MonoCut

from pyspeech.data.corpus import corpus_cli, download_archive, utterance
from pyspeech.files import existing
from pyspeech.lang.spoken import spoken_words

URL = "https://data.keithito.com/data/speech/LJSpeech-1.1.tar.bz2"
HELD_OUT = 250


def download(corpus: Path) -> None:
    download_archive(URL, corpus)


def split_ids(corpus: Path, ids: list[str], split: str) -> set[str]:
    if (listed := corpus / "splits" / f"{split}.txt").exists():
        return set(listed.read_text(encoding="utf-8").split())
    count = min(HELD_OUT, len(ids) // 10)
    train = len(ids) - 2 * count
    return set({"train": ids[:train], "dev": ids[train : train + count], "test": ids[train + count :]}[split])


def cuts(corpus: Path, split: str) -> Iterator[MonoCut]:
    lines = existing(corpus / "metadata.csv", "table of transcripts").read_text(encoding="utf-8").splitlines()
    texts = {line.split("|")[0]: line.split("|")[-1] for line in lines}  # id|as written|as spoken
    for id_ in sorted(split_ids(corpus, sorted(texts), split)):
        yield utterance(corpus / "wavs" / f"{id_}.wav", text=" ".join(spoken_words(texts[id_])), speaker="LJ")


if __name__ == "__main__":
    corpus_cli(cuts, download=download)
