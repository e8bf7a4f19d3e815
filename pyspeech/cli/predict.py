"""``pyspeech predict``: the label of each cut."""

from pathlib import Path

import click

from pyspeech.cli.options import jobs_beside_network
from pyspeech.cli.output import OUTPUT

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("exp", type=PATH)
@click.argument("cuts", type=PATH)
@click.option("--out", type=OUTPUT, help="Folder to write; without it EXP/predict/<name of CUTS>.")
@click.option("--device", help="cpu, cuda or cuda:<number>; without it a GPU where there is one, else the CPU.")
@jobs_beside_network
def predict(exp: Path, cuts: Path, out: Path | None, device: str | None, jobs: int | None) -> None:
    """Tell the labels of the manifest CUTS with the model in EXP; write predictions.jsonl."""
    from pyspeech.inference.prediction import predict as run

    out = out or exp / "predict" / cuts.name.partition(".")[0]
    click.echo(f"{out}: {run(exp, cuts, out, device, jobs)} utterances")
