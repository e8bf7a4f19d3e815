"""an4: letters, numbers and commands to a machine, 948 utterances of 74 people and 130 of ten more, 16 kHz (CMU, 1991).

What CMU calls test is test. For dev every ninth speaker leaves train: eight of them, 100 utterances.
"""

from collections.abc import Iterator
from pathlib import Path

from pyspeech.cli.prepare import Row, corpus_cli, download_archive
from pyspeech.files import existing_file

# Of NVIDIA: CMU's own page is gone. Neither publishes a digest.
URL = "https://dldata-public.s3.us-east-2.amazonaws.com/an4_sphere.tar.gz"
FOLDERS = {"train": "an4_clstk", "dev": "an4_clstk", "test": "an4test_clstk"}


def download(corpus: Path) -> None:
    download_archive(URL, corpus)


def rows(corpus: Path, split: str) -> Iterator[Row]:
    """Lines are ``<s> U M N Y H SIX </s> (an255-fash-b)``, those of test without the marks of a sentence."""
    table = corpus / "etc" / f"an4_{'test' if split == 'test' else 'train'}.transcription"
    text = existing_file(table, "list of transcripts").read_text(encoding="utf-8")
    lines = [line.split() for line in text.splitlines() if line.strip()]
    words = {line[-1].strip("()"): [word for word in line[:-1] if word not in ("<s>", "</s>")] for line in lines}
    held_out = sorted({name.split("-")[1] for name in words})[4::9]
    for name, spoken in words.items():
        speaker = name.split("-")[1]
        if split == "test" or (split == "dev") == (speaker in held_out):
            path = corpus / "wav" / FOLDERS[split] / speaker / f"{name}.sph"
            yield Row(path, text=" ".join(spoken), speaker=speaker)


if __name__ == "__main__":
    corpus_cli(rows, download=download)
