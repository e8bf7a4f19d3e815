"""``pyspeech lm``: write text for, train and evaluate n-gram language models."""

import gzip
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from io import TextIOWrapper
from pathlib import Path
from typing import IO

import click

from pyspeech.cli.options import NamingGroup
from pyspeech.cli.output import OUTPUT
from pyspeech.errors import UserError
from pyspeech.files import complete

FILE = click.Path(path_type=Path)
log = logging.getLogger(__name__)


@click.group(cls=NamingGroup)
def lm() -> None:
    """Write text for, train and evaluate n-gram language models.

    TEXT is one sentence a line (.txt, also packed as .gz or .xz), or a manifest (.jsonl.gz). Any size: it is streamed.
    """


@lm.command()
@click.argument("out", type=OUTPUT)
@click.argument("texts", metavar="TEXT...", type=FILE, nargs=-1, required=True)
@click.option("--order", type=int, required=True, help="The longest n-gram, 2 to 6.")
@click.option("--prune", default="", help='Leave out n-grams seen at most so often, for orders 1, 2, ...: "0 0 1".')
@click.option("--vocabulary-limit", type=int, metavar="N", help="Keep the N most frequent words.")
@click.option("--held-out", type=FILE, multiple=True, metavar="MANIFEST", help="A set no sentence of which may train.")
@click.option("--drop-held-out", is_flag=True, help="Leave out lines that hold a held-out sentence.")
@click.option("--drop-repeated", is_flag=True, help="Leave out transcripts that are a held-out sentence.")
@click.option("--memory", default="1G", show_default=True, help="What lmplz sorts at a time.")
def train(  # noqa: PLR0913, PLR0917 -- one for each option
    out: Path,
    texts: tuple[Path, ...],
    order: int,
    prune: str,
    vocabulary_limit: int | None,
    held_out: tuple[Path, ...],
    drop_held_out: bool,
    drop_repeated: bool,
    memory: str,
) -> None:
    """Estimate a model with modified Kneser-Ney smoothing: OUT/lm.arpa, lm.bin, lm.json.

    A text that holds a whole sentence of a held-out manifest, whatever its case and punctuation, is refused. Manifests
    are transcripts that the network is trained on, and stay whole; other text is brought to their case.
    """
    from pyspeech.json_files import read_json
    from pyspeech.lm.ngram import LmSettings, train_lm

    try:
        counts = tuple(int(word) for word in prune.split())
    except ValueError:
        raise UserError(f"--prune '{prune}': expected whole numbers, e.g. '0 0 1'") from None
    settings = LmSettings(order, counts, vocabulary_limit, drop_held_out, drop_repeated)
    if not train_lm(out, texts, settings, held_out, memory):
        log.info(f"{out} is up to date: same text, same settings")
    made = read_json(out / "lm.json", "description of a language model", "remove the folder, and train again")
    ngrams = ", ".join(f"{count} {n}-grams" for n, count in enumerate(made["ngrams"], 1))
    click.echo(f"{out}: {made['words']} words, {ngrams} from {made['text']['sentences']} sentences")


@lm.command()
@click.argument("model", metavar="LM", type=FILE)
@click.argument("texts", metavar="TEXT...", type=FILE, nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def perplexity(model: Path, texts: tuple[Path, ...], as_json: bool) -> None:
    """Measure the perplexity of TEXT under LM: a folder of "lm train", an ARPA file or a KenLM binary."""
    from pyspeech.lm.perplexity import perplexity as measure

    measured = measure(model, texts)
    rates = {
        "perplexity": measured.with_oov,
        "perplexity_without_oov": measured.without_oov,
        "oov_rate": measured.oov_rate,
        "tokens": measured.tokens,
    }
    click.echo(json.dumps({**asdict(measured), **rates}) if as_json else str(measured))


@lm.command()
@click.argument("out", metavar="OUT.txt[.gz]", type=OUTPUT)
@click.argument("texts", metavar="[TEXT...]", type=FILE, nargs=-1)
@click.option("--language", default="en", show_default=True, metavar="CODE", help="Of the prose, e.g. de or pt-br.")
def text(out: Path, texts: tuple[Path, ...], language: str) -> None:
    """Write prose as a reader says it, one sentence a line: capitals, numbers and abbreviations spelled out.

    A line of TEXT (plain, .gz or .xz) is a paragraph. No TEXT at all makes an empty file. It is read as the texts of
    tables are with the same --language of "pyspeech new-recipe". What is not surely said in one way stays as it is
    written, and is told.
    """
    from tqdm import tqdm

    from pyspeech.lang.reading import Unsure
    from pyspeech.lang.words import sentences_of
    from pyspeech.text_files import read_text

    if out.suffix == ".xz":
        raise UserError(f"{out} would not be packed as its name says; name it .txt or .txt.gz")
    written, unsure = 0, Unsure()
    sentences = sentences_of(language, unsure)
    with _text_file(out) as stream:
        for path in texts:
            before = written
            _refuse_unspaced(path, language)
            for paragraph in tqdm(read_text(path), desc=path.name, unit=" paragraphs", disable=None):
                for words in sentences(paragraph):
                    stream.write(" ".join(words) + "\n")
                    written += 1
            if written == before:
                raise UserError(f"{path} holds no sentence; give prose, or leave it out")
    for line in unsure.lines():
        log.warning(f"{out}: {line}")
    click.echo(f"{out}: {written} sentences")


def _refuse_unspaced(path: Path, language: str) -> None:
    """Raise UserError if the beginning of a text is of a language that parts no words, and its words are not parted."""
    from itertools import islice

    from pyspeech.lang.unspaced import BY_CHARACTER, unspaced_language
    from pyspeech.text_files import read_text

    unspaced = unspaced_language(islice(read_text(path), 100))
    if unspaced and language.replace("_", "-").partition("-")[0].lower() not in BY_CHARACTER:
        what = f"use --language {unspaced}" if unspaced in BY_CHARACTER else "part them first"
        raise UserError(f"{path} writes no spaces between words ({unspaced}), so sentences would be words; {what}")


@contextmanager
def _text_file(path: Path) -> Iterator[IO[str]]:
    with complete(path) as partial:
        if path.suffix != ".gz":
            with partial.open("w", encoding="utf-8") as stream:
                yield stream
            return
        # Neither name nor time within: equal text gives equal bytes.
        with (
            partial.open("wb") as raw,
            gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed,
            TextIOWrapper(packed, encoding="utf-8") as stream,
        ):
            yield stream
