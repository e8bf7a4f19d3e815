"""``pyspeech average``: another average of a training's checkpoints than the one that it ended with."""

from pathlib import Path

import click

from pyspeech.cli.options import FiniteFloat
from pyspeech.cli.output import OUTPUT

PATH = click.Path(path_type=Path)


def _numbers(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    """Epochs may be parts, where a training was validated by the minute."""
    return (
        None if value is None else tuple(FiniteFloat(0).convert(each.strip(), param, ctx) for each in value.split(","))
    )


@click.command()
@click.argument("exp", type=PATH)
@click.option("--epochs", callback=_numbers, metavar="EPOCH,...", help="Of these, as the training tells them: 5,6,7.")
@click.option("--last", type=click.IntRange(1), help="Of the last so many.")
@click.option("--best", type=click.IntRange(1), help="Of so many with the least errors on dev.")
@click.option("--out", type=OUTPUT, help="Folder for the model, with all that decode needs; else it becomes EXP's own.")
def average(exp: Path, epochs: tuple[float, ...] | None, last: int | None, best: int | None, out: Path | None) -> None:
    """Average the networks of checkpoints in EXP, of a training by pyspeech train.

    A training keeps the checkpoints that its own average needs (training.average, training.average_epochs) and the
    last. With --out, it may still run.
    """
    given = [option for option in (epochs, last, best) if option is not None]
    if len(given) != 1:
        raise click.UsageError("give one of --epochs, --last and --best")

    from pyspeech.training.average import average as write

    if epochs is not None:
        model = write(exp, epochs, out=out)
    else:
        model = write(exp, "last" if last is not None else "best", last or best or 0, out)
    click.echo(model)
