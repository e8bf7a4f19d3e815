"""Hours of audio that a training goes through in an hour, beside the same network trained the way icefall does it.

    python -m tools.benchmark.training OUT [--manifest MANIFEST] [--models tdnn_lstm] [--seconds 20] [KEY=VALUE]...

Each training runs in a process of its own, for so many seconds after its warm-up: ours and theirs in turn, several
times. Ours is the loop of ``pyspeech train`` with the network's file in ``conf/`` and KEY=VALUE; ``icefall_style.py``
says what theirs is. Ours computes features on the fly, theirs reads them from the disk, at the same speeds; where
MANIFEST holds stored features, both read those. An epoch has to last as long: --copies makes it longer.
"""

import multiprocessing
import os
import statistics
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pyspeech.config import Config, load_config
from pyspeech.errors import UserError
from pyspeech.files import write_json, write_text
from pyspeech.threads import set_threads

if TYPE_CHECKING:
    from tools.benchmark.meter import Turn

PATH = click.Path(path_type=Path)
MODELS = ("tdnn_lstm", "bilstm_ctc", "conformer")
SIDES = ("ours", "theirs")
COLUMNS = (
    f"{'':12s}{'':8s}{'hours/hour':>12s}{'waiting':>9s}{'memory':>10s}{'ours/theirs':>13s}{'range':>14s}{'of CPU':>8s}"
)


@dataclass(frozen=True)
class Setup:
    """What all trainings of a benchmark share: the folder of their inputs, and the options."""

    folder: Path
    overrides: tuple[str, ...]
    device: str | None
    seconds: float

    def config(self, model: str) -> Config:
        """Read the configuration of a network."""
        path = self.folder / f"{model}.yaml"
        write_text(path, f"include: [fbank, augment, train, ctc, {model}]\ntask: recognition\n")
        return load_config(path, self.overrides)


@click.command(help=__doc__)
@click.argument("out", type=PATH)
@click.argument("overrides", metavar="[KEY=VALUE]...", nargs=-1)
@click.option("--manifest", type=PATH, help="Cuts to train on; without it, an hour of tones is made.")
@click.option("--models", multiple=True, default=MODELS, show_default=True, type=click.Choice(MODELS))
@click.option("--device", help="cpu, cuda or cuda:<number>; without it a GPU where there is one, else the CPU.")
@click.option("--seconds", default=20.0, show_default=True, help="Time of each training.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--copies", default=1, show_default=True, help="How often an epoch holds the cuts; a GPU needs many.")
def main(
    out: Path,
    overrides: tuple[str, ...],
    manifest: Path | None,
    models: Sequence[str],
    device: str | None,
    seconds: float,
    rounds: int,
    copies: int,
) -> None:
    """Measure, show a table, and write OUT/training.json."""
    set_threads()
    from tools.benchmark.training_inputs import prepare

    setup = Setup(out, overrides, device, seconds)
    config = setup.config(models[0])
    if config.training.accumulate > 1:
        raise UserError("training.accumulate is no part of what is compared; leave it at 1")
    prepare(config, out, manifest, copies)
    about = _machine(setup, config)
    click.echo(", ".join(f"{key} {value}" for key, value in about.items()))
    click.echo(COLUMNS)
    turns: dict[str, dict[str, list[Turn]]] = {}
    for model in models:
        turns[model] = {side: [] for side in SIDES}
        for number in range(rounds):
            for side in SIDES if number % 2 == 0 else SIDES[::-1]:
                turns[model][side].append(_alone(setup, side, model))
        for line in _lines(model, turns[model]):
            click.echo(line)
    found = {model: {side: [asdict(turn) for turn in of[side]] for side in SIDES} for model, of in turns.items()}
    options = {"manifest": str(manifest), "copies": copies, "seconds": seconds, "overrides": overrides}
    write_json(out / "training.json", {**about, **options, "turns": found})


def _alone(setup: Setup, side: str, model: str) -> "Turn":
    """Train in a new process, whose memory is its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
        return executor.submit(_train, setup, side, model).result()


def _train(setup: Setup, side: str, model: str) -> "Turn":
    import torch

    from tools.benchmark import icefall_style, our_training

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    given = (setup.folder, setup.config(model), setup.device, setup.seconds)
    return our_training.train(*given) if side == "ours" else icefall_style.train(*given)


def _machine(setup: Setup, config: Config) -> dict[str, Any]:
    import torch

    from pyspeech.device import choose_device
    from pyspeech.training.precision import Precision
    from tools.benchmark.icefall_style import K2

    device = choose_device(setup.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    precision = Precision(config.training.precision, device).name
    return {
        "torch": torch.__version__,
        "device": name,
        "threads": os.environ["OMP_NUM_THREADS"],
        "our precision": precision,
        "their CTC": "k2" if K2 else "torch",
    }


def _lines(model: str, turns: dict[str, list["Turn"]]) -> Iterator[str]:
    for side in SIDES:
        speed = statistics.median(turn.speed for turn in turns[side])
        waiting = statistics.median(turn.waiting for turn in turns[side])
        megabytes = max(turn.memory for turn in turns[side]) / 1e6
        line = f"{model:12s}{side:8s}{speed:12,.0f}{waiting:9.0%}{megabytes:7,.0f} MB"
        yield line + (_ratios(turns) if side == SIDES[-1] else "")


def _ratios(turns: dict[str, list["Turn"]]) -> str:
    """Of the speeds, round by round: median and range; and the median by the CPU time of all their processes."""
    pairs = list(zip(turns["ours"], turns["theirs"], strict=True))
    ratios = [ours.speed / theirs.speed for ours, theirs in pairs]
    cpu = statistics.median((ours.audio / ours.cpu) / (theirs.audio / theirs.cpu) for ours, theirs in pairs)
    spread = f"{min(ratios):.2f}..{max(ratios):.2f}"
    return f"{statistics.median(ratios):13.2f}{spread:>14s}{cpu:8.2f}"


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
