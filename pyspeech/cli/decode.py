"""``pyspeech decode``: from cuts to words and stored lattices."""

from pathlib import Path

import click

from pyspeech.cli.output import OUTPUT

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("exp", type=PATH)
@click.argument("cuts", type=PATH)
@click.argument("overrides", metavar="[decode.KEY=VALUE|rescore.KEY=VALUE]...", nargs=-1)
@click.option("--out", type=OUTPUT, help="Folder to write; without it EXP/decode/<name of CUTS>.")
@click.option(
    "--graph", type=PATH, help="Decoding graph, as pyspeech graph makes it; greedy, own and search need none."
)
@click.option(
    "--method",
    type=click.Choice(["greedy", "own", "search", "one-best", "nbest"]),
    default="one-best",
    show_default=True,
    help="nbest also lists the best word sequences. Without graph or k2: search goes through the frames with all words "
    "of --lm; greedy takes the best token of each frame; own asks the class that decode.own names.",
)
@click.option("--lm", type=PATH, help="Of search: ARPA, KenLM binary, folder of lm train, or text (.txt .gz .xz).")
@click.option(
    "--tune",
    type=PATH,
    metavar="DECODE",
    help="Choose on this decode of a dev set: the weights of search; acoustic_scale and blank_penalty with --graph.",
)
@click.option("--weights", type=PATH, metavar="JSON", help="Take what is chosen from weights.json, as --tune left it.")
@click.option("--no-lattices", is_flag=True, help="Do not store the lattices.")
@click.option("--no-frames", is_flag=True, help="Do not store the log-probabilities of likely tokens in each frame.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Processes, which on a GPU feed one; without it one per core, or one for little audio.",
)
@click.option("--device", help="cpu, cuda or cuda:<number>; without it a GPU where there is one, else the CPU.")
@click.option("--config", "config_path", type=PATH, help="YAML with a section 'decode'; without it conf/decode.yaml.")
def decode(  # noqa: PLR0913, PLR0917 -- one for each option
    exp: Path,
    cuts: Path,
    overrides: tuple[str, ...],
    out: Path | None,
    graph: Path | None,
    method: str,
    lm: Path | None,
    tune: Path | None,
    weights: Path | None,
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
    if (lm is None) == (method == "search"):
        raise click.UsageError("--lm goes with --method search" if lm else "--method search needs --lm")
    if (tune or weights) and lm is None and graph is None:
        raise click.UsageError("--tune and --weights go with --graph, or with --method search")
    if method == "search" and no_frames:
        raise click.UsageError("--method search goes through the stored frames; leave out --no-frames")
    from pyspeech.decoding.run import Decode
    from pyspeech.decoding.run import decode as run
    from pyspeech.decoding.stored import WARNINGS
    from pyspeech.own_code import recipe_folder

    out = out or exp / "decode" / cuts.name.partition(".")[0]
    of_search = [each for each in overrides if lm is not None and each.startswith("rescore.")]
    config = load_decode_config(config_path or DEFAULT, [each for each in overrides if each not in of_search])
    code = recipe_folder(config_path or Path("conf.yaml"))  # without one, the class is in the folder of the command
    if method == "own" and config.own is None:
        raise click.UsageError("--method own needs decode.own, e.g. decode.own={name: module:Class} in --config")
    job = Decode(exp, cuts, graph, method, config, not no_lattices, not no_frames, device, jobs, code)  # type: ignore[arg-type]
    if lm is None and not (tune or weights):
        summary, weights_used = run(job, out), ""
    elif lm is None:
        from pyspeech.inference.decode_by_graph import decode_by_graph

        summary = decode_by_graph(job, tune, weights, out)
        settings = summary["settings"]
        weights_used = (
            f"; acoustic_scale {settings['acoustic_scale']:g}, blank_penalty {settings['blank_penalty']:g} (chosen on "
            f"{summary['weights_chosen_on']})"
        )
    else:
        from pyspeech.inference.decode_by_search import decode_by_search
        from pyspeech.rescoring.config import load_rescore_config
        from pyspeech.rescoring.run import Rescoring, weights_text

        rescore_config = load_rescore_config(overrides=of_search)
        summary = decode_by_search(job, Rescoring(lm, "search", rescore_config, tune, weights), out)
        weights_used = f"; {weights_text(summary)}"
    warned = f", {summary['warnings']} warnings in {out / WARNINGS}" if summary["warnings"] else ""
    click.echo(
        f"{out}: {summary['utterances']} utterances, {summary['seconds']:.0f} s of audio in "
        f"{summary['wall_seconds']:.1f} s{warned}{weights_used}"
    )
