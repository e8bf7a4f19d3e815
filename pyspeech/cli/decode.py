"""``pyspeech decode``: from cuts to words and stored lattices."""

from pathlib import Path

import click

from pyspeech.cli.output import OUTPUT

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("exp", type=PATH)
@click.argument("cuts", type=PATH)
@click.argument("overrides", metavar="[decode.KEY=VALUE]...", nargs=-1)
@click.option("--out", type=OUTPUT, help="Folder to write; without it EXP/decode/<name of CUTS>.")
@click.option("--graph", type=PATH, help="Decoding graph, as pyspeech graph makes it; greedy and own need none.")
@click.option(
    "--method",
    type=click.Choice(["greedy", "own", "one-best", "nbest"]),
    default="one-best",
    show_default=True,
    help="nbest also lists the best word sequences. Without graph and k2: greedy takes the best token of each frame, "
    "own asks the class that decode.own names.",
)
@click.option("--no-lattices", is_flag=True, help="Do not store the lattices.")
@click.option("--no-frames", is_flag=True, help="Do not store the log-probabilities of likely tokens in each frame.")
@click.option("--jobs", type=click.IntRange(min=1), help="Processes; without it one per core, or one for little audio.")
@click.option("--device", help="cpu, cuda or cuda:<number>; without it a GPU that works, else the CPU.")
@click.option("--config", "config_path", type=PATH, help="YAML with a section 'decode'; without it conf/decode.yaml.")
def decode(  # noqa: PLR0913, PLR0917 -- one for each option
    exp: Path,
    cuts: Path,
    overrides: tuple[str, ...],
    out: Path | None,
    graph: Path | None,
    method: str,
    no_lattices: bool,
    no_frames: bool,
    jobs: int | None,
    device: str | None,
    config_path: Path | None,
) -> None:
    """Decode the manifest CUTS with the model in EXP; write hyps.jsonl, the lattices and what each frame said."""
    from pyspeech.decoding.config import DEFAULT, WITHOUT_GRAPH, load_decode_config

    if (graph is None) != (method in WITHOUT_GRAPH):
        raise click.UsageError(
            f"--method {method} and --graph exclude each other" if graph else f"--method {method} needs --graph"
        )
    from pyspeech.decoding.run import Decode
    from pyspeech.decoding.run import decode as run
    from pyspeech.decoding.stored import WARNINGS
    from pyspeech.own_code import recipe_folder

    out = out or exp / "decode" / cuts.name.partition(".")[0]
    config = load_decode_config(config_path or DEFAULT, overrides)
    code = recipe_folder(config_path or Path("conf.yaml"))  # without one, the class is in the folder of the command
    if method == "own" and config.own is None:
        raise click.UsageError("--method own needs decode.own, e.g. decode.own={name: module:Class} in --config")
    job = Decode(exp, cuts, graph, method, config, not no_lattices, not no_frames, device, jobs, code)  # type: ignore[arg-type]
    summary = run(job, out)
    warned = f", {summary['warnings']} warnings in {out / WARNINGS}" if summary["warnings"] else ""
    click.echo(
        f"{out}: {summary['utterances']} utterances, {summary['seconds']:.0f} s of audio in "
        f"{summary['wall_seconds']:.1f} s{warned}"
    )
