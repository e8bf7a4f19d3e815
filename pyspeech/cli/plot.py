"""``pyspeech plot``: the course of a training, or of several, as a picture."""

import logging
from pathlib import Path

import click

from pyspeech.cli.output import OUTPUT

PATH = click.Path(path_type=Path)
log = logging.getLogger(__name__)


@click.command()
@click.argument("exps", metavar="EXP...", type=PATH, nargs=-1, required=True)
@click.option("--out", type=OUTPUT, help="PNG to write; without it training.png in EXP, comparison.png for several.")
def plot(exps: tuple[Path, ...], out: Path | None) -> None:
    """Draw loss, error rate on dev, learning rate and speed of the training in EXP, which may still run.

    Several are drawn over one another; averages of others among them (pyspeech average --out) have no course and are
    passed over. Without --out, TensorBoard of the first one shows the picture, too. This needs matplotlib.
    """
    from pyspeech.training.curves_picture import draw
    from pyspeech.training.history import has_history, read_history

    if averages := [exp for exp in exps if (exp / "model.safetensors").exists() and not has_history(exp)]:
        log.info(f"averages of other trainings have no course to draw: {', '.join(map(str, averages))}")
    exps = tuple(exp for exp in exps if exp not in averages) or exps
    name = "training" if len(exps) == 1 else "comparison"
    histories = [read_history(exp) for exp in exps]
    path = out or exps[0] / f"{name}.png"
    draw(histories, path)
    if out is None:
        from pyspeech.training.tensorboard_pictures import add_pictures

        add_pictures(exps[0], {name: path}, histories[0].last_step)
    click.echo(path)
