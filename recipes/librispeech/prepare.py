"""librispeech: English books read aloud (https://www.openslr.org/12/; the five hours: https://www.openslr.org/31/)."""

import os
import shutil
from pathlib import Path

from pyspeech.corpora.corpus import corpus_cli, download_archive
from pyspeech.corpora.sources.librispeech import LibriSpeech

URL = "https://www.openslr.org/resources/{}/{}.tar.gz"
SUMS = (Path(__file__).parent / "SHA256SUMS").read_text(encoding="utf-8").split()  # digest, name, digest, ...
PARTS = {
    "mini": LibriSpeech(train=("train-clean-5",), dev=("dev-clean-2",)),
    "100": LibriSpeech(train=("train-clean-100",)),
    "960": LibriSpeech(train=("train-clean-100", "train-clean-360", "train-other-500")),
}[os.environ.get("LIBRISPEECH_SUBSET", "mini")]


def download(corpus: Path) -> None:
    """Fetch every part that is missing. A corpus that can train is taken as it is, so train comes last."""
    if all((corpus / part).is_dir() for part in PARTS.train):
        return
    for part in [*PARTS.test, *PARTS.dev, *PARTS.train]:
        number, unpacked = 31 if part in ("train-clean-5", "dev-clean-2") else 12, corpus / f"{part}.unpacked"
        if not (corpus / part).is_dir():
            download_archive(URL.format(number, part), unpacked, SUMS[SUMS.index(f"{part}.tar.gz") - 1])
            (unpacked / part).rename(corpus / part)
            shutil.rmtree(unpacked)


if __name__ == "__main__":
    corpus_cli(PARTS.cuts, PARTS.splits, download)
