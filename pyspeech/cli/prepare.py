"""The command line of a recipe's prepare.py, and what it needs to describe a corpus by itself."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pyspeech.cli.options import verbosity
from pyspeech.command_line import run
from pyspeech.corpora.download import download_archive, git_clone
from pyspeech.corpora.row import Row
from pyspeech.errors import UserError

if TYPE_CHECKING:
    from lhotse.cut import Cut

__all__ = ["Row", "corpus_cli", "download_archive", "git_clone"]

PATH = click.Path(path_type=Path)


def corpus_cli(
    rows: "Callable[..., Iterable[Row | Cut]]",
    splits: Sequence[str] | Callable[..., Sequence[str]] = ("train", "dev", "test"),
    download: Callable[..., object] | None = None,
    **options: str | Sequence[str],
) -> None:
    """Run ``prepare.py download CORPUS`` or ``prepare.py manifests CORPUS OUT``.

    Of train, and no other split, a few utterances whose audio cannot be read are left out.

    Args:
        rows: Yields every utterance of one split of a corpus, in a fixed order; lhotse's cuts may stand for rows.
        splits: Names of the splits, or what finds them in a corpus; one manifest each.
        download: Fetches or makes the corpus in a folder; safe to call twice. Without it there is nothing to fetch.
        options: Each is an option of both commands: its default, or what can be chosen, the default first. The three
            functions are given its value by its name.
    """

    @click.group()
    @verbosity
    def cli() -> None: ...

    if download is not None:

        @cli.command("download", help="Fetch the corpus into CORPUS.")
        @click.argument("corpus", type=PATH)
        def download_command(corpus: Path, **values: str) -> None:
            download(corpus, **values)

    @cli.command("manifests", help="Write OUT/<split>.jsonl.gz for every split.")
    @click.argument("corpus", type=PATH)
    @click.argument("out", type=PATH)
    def manifests_command(corpus: Path, out: Path, **values: str) -> None:
        if not corpus.is_dir():
            fetch = "" if download is None else "run stage 0, or "
            raise UserError(f"no corpus at {corpus}; {fetch}give its folder with --corpus-dir")
        from pyspeech.corpora.corpus import write_manifests

        corpus = corpus.resolve()
        names = splits(corpus, **values) if callable(splits) else splits
        write_manifests(partial(rows, **values), names, corpus, out)

    for command in cli.commands.values():
        command.params += [_option(name, default) for name, default in options.items()]
    run(cli)


def _option(name: str, values: str | Sequence[str]) -> click.Option:
    if isinstance(values, str):
        return click.Option([f"--{name.replace('_', '-')}", name], default=values, show_default=True)
    kind = click.Choice(values)
    return click.Option([f"--{name.replace('_', '-')}", name], type=kind, default=values[0], show_default=True)
