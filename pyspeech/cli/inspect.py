"""``pyspeech inspect``: single utterances as pictures."""

from pathlib import Path

import click

from pyspeech.cli.output import OUTPUT

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("cuts", type=PATH)
@click.option("--id", "ids", required=True, multiple=True, help="Utterance of CUTS; may be given several times.")
@click.option("--exp", type=PATH, help="Training whose features, tokens and alignment to draw.")
@click.option("--decode", "decode_dir", type=PATH, help="Decode whose words to draw, in place of the reference's.")
@click.option("--out", type=OUTPUT, help="PNG to write, a folder for several; without it EXP/inspect/<id>.png.")
def inspect(cuts: Path, ids: tuple[str, ...], exp: Path | None, decode_dir: Path | None, out: Path | None) -> None:
    """Draw waveform, features, likely tokens of each frame and words of utterances of the manifest CUTS.

    Without --out, TensorBoard of EXP shows the pictures, too. This needs matplotlib.
    """
    if out is None and exp is None:
        raise click.UsageError("without --exp, name what to write: --out")
    from pyspeech.decoding.utterance_picture import draw
    from pyspeech.formats.per_utterance import file_name
    from pyspeech.inference.inspection import inspect
    from pyspeech.training.tensorboard_pictures import add_pictures

    pictures = {}
    for seen in inspect(cuts, ids, exp, decode_dir):
        folder = out or (exp or Path()) / "inspect"
        path = folder if out is not None and len(ids) == 1 else folder / file_name(seen.id, ".png")
        draw(seen, path)
        pictures[f"utterance/{seen.id}"] = path
        click.echo(path)
    if out is None and exp is not None:
        add_pictures(exp, pictures)
