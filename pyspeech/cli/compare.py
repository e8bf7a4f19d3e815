"""``pyspeech compare``: is one decode better than another?"""

from pathlib import Path

import click

from pyspeech.cli.score import PATH, warn_of_missing
from pyspeech.scoring.comparison import compare_decodes, comparison_line, comparison_text


@click.command()
@click.argument("manifest", type=PATH)
@click.argument("decode_a", type=PATH)
@click.argument("decode_b", type=PATH)
def compare(manifest: Path, decode_a: Path, decode_b: Path) -> None:
    """Compare the word errors of DECODE_A and DECODE_B, two decodes of the utterances of MANIFEST.

    Two tests say how easily chance alone would make such a difference: the paired bootstrap over utterances and
    MAPSSWE, the matched pairs sentence segment word error test. The last line holds the figures.
    """
    comparison = compare_decodes(manifest, decode_a, decode_b)
    warn_of_missing(comparison.scores[0])
    click.echo(comparison_text(comparison) + comparison_line(comparison))
