"""``pyspeech train``: train a model, or continue a training that was interrupted."""

import logging
import os
import shlex
import sys
from pathlib import Path

import click

from pyspeech.cli.options import given_verbosity

PATH = click.Path(path_type=Path)
log = logging.getLogger(__name__)


@click.command()
@click.argument("config_path", metavar="CONFIG", type=PATH)
@click.argument("exp", type=PATH)
@click.argument("overrides", metavar="[KEY=VALUE]...", nargs=-1)
@click.option("--train", "train_manifest", required=True, type=PATH, help="Manifest to train on.")
@click.option("--dev", required=True, type=PATH, help="Manifest to measure on after each epoch.")
@click.option("--lang", type=PATH, help="Table of task: recognition: the token set, as pyspeech lang makes it.")
@click.option("--labels", type=PATH, help="Table of the other tasks: of labels, as pyspeech labels makes it.")
@click.option(
    "--init",
    type=PATH,
    metavar="EXP",
    help="Begin with the weights of this finished training, not with random ones; a lower rate of learning may suit.",
)
@click.option(
    "--freeze",
    multiple=True,
    metavar="PREFIX",
    help="Weights of --init that stay as they are: how their names begin, as network.lstms; repeatable.",
)
@click.option("--device", help="cpu, cuda or cuda:<number>; without it a GPU where there is one, else the CPU.")
@click.option(
    "--processes", type=click.IntRange(1), default=1, help="As many as this machine has GPUs.", show_default=True
)
def train(  # noqa: PLR0913, PLR0917 -- one for each option
    config_path: Path,
    exp: Path,
    overrides: tuple[str, ...],
    train_manifest: Path,
    dev: Path,
    lang: Path | None,
    labels: Path | None,
    init: Path | None,
    freeze: tuple[str, ...],
    device: str | None,
    processes: int,
) -> None:
    """Train the model of CONFIG and leave it in EXP; KEY=VALUE words override CONFIG.

    Networks, each with its defaults in conf/: tdnn_lstm, bilstm_ctc and conformer for words; speaker_lstm, xvector and
    ecapa_tdnn for labels and speakers; or a class of yours.

    The same command again continues at the last checkpoint, and does nothing once the training is finished; with a
    higher training.epochs a finished one goes on. It may also be started by torchrun.

    With --init, weights go by their names, and those of the outputs by token or label: what the other training had none
    of is made anew, and said.
    """
    tables = {name: folder for name, folder in {"lang": lang, "labels": labels}.items() if folder is not None}
    if len(tables) != 1:
        raise click.UsageError("give either --lang, to recognise words, or --labels, to tell labels apart")
    [(name, table)] = tables.items()
    if freeze and init is None:
        raise click.UsageError("--freeze keeps weights of another training as they are; name that by --init")
    started = os.environ.get("LOCAL_WORLD_SIZE")
    if started is not None and processes > 1:
        raise click.UsageError(f"torchrun has started {started} processes already; leave out --processes")

    from pyspeech.config import load_config
    from pyspeech.own_code import import_classes, recipe_folder
    from pyspeech.tasks import task_class
    from pyspeech.training.experiment import Sources, run
    from pyspeech.training.launcher import launch
    from pyspeech.training.origin import Origin

    config = load_config(config_path, overrides)
    import_classes(config.names, recipe_folder(config_path))  # whose code the command so asks for
    needed = task_class(config.task).table
    if name != needed:
        raise click.UsageError(f"{config_path} says task: {config.task}, which takes --{needed}, not --{name}")
    again = [*given_verbosity(), "train", str(config_path), str(exp), *overrides]
    again += ["--train", str(train_manifest), "--dev", str(dev), f"--{name}", str(table)]
    again += ["--init", str(init)] if init is not None else []
    again += [word for prefix in freeze for word in ("--freeze", prefix)]
    again += ["--device", device] if device else []
    if processes > 1:
        launch(processes, again)
        return
    again += ["--processes", started] if started is not None else []
    command = shlex.join([sys.executable, "-m", "pyspeech", *again])

    def begin() -> None:
        # Before, because nothing can be printed after kill -9.
        log.info(f"if this is interrupted, it continues by: {command}")

    origin = Origin(init, freeze) if init is not None else None
    trained = run(config, exp, Sources(train_manifest, dev, table), device, begin, origin)
    if os.environ.get("RANK", "0") == "0":
        click.echo(f"{exp / 'model.safetensors'}" + ("" if trained else ": finished before, nothing to do"))
