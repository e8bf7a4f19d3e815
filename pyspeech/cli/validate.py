"""``pyspeech validate``: everything wrong with a corpus, before it costs a day."""

import sys
from pathlib import Path

import click

from pyspeech.cli.output import OUTPUT

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("manifests", nargs=-1, required=True, type=PATH)
@click.option("--lang", type=PATH, help="Token set that is to spell the texts.")
@click.option("--model", type=PATH, metavar="CONF", help="Configuration that is to be trained.")
@click.option("--fix", "fix_folder", type=OUTPUT, metavar="OUT", help="Write manifests without faults there.")
@click.option("--deep", is_flag=True, help="Decode all audio too: damage, silence, clipping.")
def validate(
    manifests: tuple[Path, ...], lang: Path | None, model: Path | None, fix_folder: Path | None, deep: bool
) -> None:
    """Show everything that is wrong with MANIFESTS, the sides of a split, in one table.

    Faults would stop, skip or spoil a training; warnings want a look. --fix mends what it can, leaves out utterances
    with other faults and names them in OUT/dropped.tsv; warnings stay. Manifests are known as train, dev and test by
    their names (valid, eval, test-clean ...); test keeps utterances that the tokens cannot spell.

    Exit code 1 if there are faults, 0 if there are none or --fix took care of them.
    """
    from pyspeech.config import load_config
    from pyspeech.own_code import import_classes, recipe_folder
    from pyspeech.validation.fix import DROPPED, MENDED, fix
    from pyspeech.validation.report import summary_line, table_text
    from pyspeech.validation.run import Sources, validate

    if model is not None:
        import_classes(load_config(model).names, recipe_folder(model))
    validation = validate(Sources(manifests, lang, model, deep))
    click.echo(table_text(validation), nl=False)
    if fix_folder is not None:
        changes = fix(validation, fix_folder)
        click.echo(
            f"{fix_folder}: {len(changes.mended)} lines mended ({MENDED}), {len(changes.dropped)} left out ({DROPPED})"
        )
    click.echo(summary_line(validation))
    if validation.faults and fix_folder is None:
        sys.exit(1)
