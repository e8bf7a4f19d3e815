"""librispeech: English books read aloud (https://www.openslr.org/12/; the five hours: https://www.openslr.org/31/)."""

import shutil
from pathlib import Path

from pyspeech.cli.prepare import corpus_cli, download_archive
from pyspeech.corpora.sources.librispeech import LibriSpeech

URL = "https://www.openslr.org/resources/{}/{}.tar.gz"
SUMS = (Path(__file__).parent / "SHA256SUMS").read_text(encoding="utf-8").split()  # digest, name, digest, ...
PARTS = {
    "mini": LibriSpeech(train=("train-clean-5",), dev=("dev-clean-2",)),
    "100": LibriSpeech(train=("train-clean-100",)),
    "960": LibriSpeech(train=("train-clean-100", "train-clean-360", "train-other-500")),
}


def download(corpus: Path, subset: str) -> None:
    """Fetch every part that is missing. A corpus that can train is taken as it is, so train comes last."""
    parts = PARTS[subset]
    if all((corpus / part).is_dir() for part in parts.train):
        return
    for part in [*parts.test, *parts.dev, *parts.train]:
        number, unpacked = 31 if part in ("train-clean-5", "dev-clean-2") else 12, corpus / f"{part}.unpacked"
        if not (corpus / part).is_dir():
            download_archive(URL.format(number, part), unpacked, SUMS[SUMS.index(f"{part}.tar.gz") - 1])
            (unpacked / part).rename(corpus / part)
            shutil.rmtree(unpacked)


if __name__ == "__main__":
    corpus_cli(
        lambda corpus, split, subset: PARTS[subset].cuts(corpus, split),
        lambda corpus, subset: PARTS[subset].splits(corpus),
        download,
        subset=tuple(PARTS),
    )
