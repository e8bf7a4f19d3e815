"""Make a list to boost: the rarest words of a test set among distractors, as in Le et al. (arXiv:2104.02194).

    python tools/benchmark/bias_list.py MANIFEST TEXT --true 100 --distractors 1000 > list.txt

Rarity is the count in TEXT, the text of the language model; words that it lacks are the rarest. Distractors are words
of TEXT as rare as the true ones, none of them in the test set, drawn with a fixed seed.
"""

import random
from collections import Counter
from pathlib import Path

import click

from pyspeech.lm.text import read_lines
from pyspeech.transcripts import read_transcripts

PATH = click.Path(path_type=Path)


@click.command(help=__doc__)
@click.argument("manifest", type=PATH)
@click.argument("texts", metavar="TEXT...", type=PATH, nargs=-1, required=True)
@click.option("--true", "count", type=click.IntRange(min=1), default=100, show_default=True)
@click.option("--distractors", default=1000, show_default=True)
def main(manifest: Path, texts: tuple[Path, ...], count: int, distractors: int) -> None:
    """Print the list, sorted."""
    counts = Counter(word for line in read_lines(texts) for word in line.words)
    said = {word for transcript in read_transcripts(manifest) for word in transcript.text.split()}
    rarest = sorted(said, key=lambda word: (counts[word], word))[:count]
    most = counts[rarest[-1]]
    others = sorted(word for word, seen in counts.items() if seen <= most and word not in said)
    drawn = random.Random(0).sample(others, min(distractors, len(others)))  # noqa: S311 - words, not secrets
    print("\n".join(sorted({*rarest, *drawn})))


if __name__ == "__main__":
    main()
