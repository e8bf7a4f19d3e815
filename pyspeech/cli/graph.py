"""``pyspeech graph``: compile the decoding graph HLG."""

from functools import partial
from pathlib import Path

import click

from pyspeech.cli.output import OUTPUT

FOLDER = click.Path(path_type=Path)


@click.command()
@click.argument("lang", type=FOLDER)
@click.argument("lm", type=FOLDER)
@click.argument("out", type=OUTPUT)
def graph(lang: Path, lm: Path, out: Path) -> None:
    """Compile OUT from the token set LANG and the language model LM (a folder of "lm train", or an ARPA file).

    Words that the lexicon lacks are pronounced as "lang --espeak" said. A graph that was made from the same contents is
    left as it is.
    """
    from pyspeech.graph.inputs import find_arpa, inputs_digest, is_current

    key = inputs_digest(lang, lm)
    if is_current(out, key):
        click.echo(f"{out} is up to date: same tokens, same language model")
        return
    from pyspeech.graph.compose import make_graph
    from pyspeech.lang.tokens import load_tokens

    make_graph(out, key, load_tokens(lang), find_arpa(lm), partial(click.echo, err=True))
    click.echo(f"{out} is complete")
