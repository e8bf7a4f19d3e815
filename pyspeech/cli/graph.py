"""``pyspeech graph``: compile the decoding graph HLG."""

from pathlib import Path

import click

from pyspeech.cli.output import OUTPUT

FOLDER = click.Path(path_type=Path)


@click.command()
@click.argument("lang", type=FOLDER)
@click.argument("lm", type=FOLDER)
@click.argument("out", type=OUTPUT)
@click.option(
    "--dev", type=FOLDER, multiple=True, metavar="MANIFEST", help="Tell what of its words is not in the graph."
)
def graph(lang: Path, lm: Path, out: Path, dev: tuple[Path, ...]) -> None:
    """Compile OUT from the token set LANG and the language model LM (a folder of "lm train", or an ARPA file).

    Words that the lexicon lacks are pronounced as "lang --espeak" said. A graph that was made from the same contents is
    left as it is.
    """
    from pyspeech.graph.make import update_graph

    made = update_graph(lang, lm, out)
    click.echo(f"{out} is complete" if made else f"{out} is up to date: same tokens, same language model")
    for manifest in dev:
        _tell_unknown(out, manifest)


def _tell_unknown(graph: Path, manifest: Path) -> None:
    from pyspeech.graph.inputs import read_words
    from pyspeech.lang.unknown_words import unknown_words, word_counts
    from pyspeech.transcripts import read_transcripts

    counts = word_counts(transcript.text for transcript in read_transcripts(manifest))
    unknown = unknown_words(counts, frozenset(read_words(graph)))
    remedy = "; to find them: more text for the language model (a recipe's --lm-text), or rescore --method search"
    click.echo(f"words of {manifest} that are not in the graph: {unknown}{remedy if unknown.count else ''}")
