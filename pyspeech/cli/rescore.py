"""``pyspeech rescore``: other words for a stored decode, from any language model."""

from pathlib import Path

import click

from pyspeech.cli.output import OUTPUT

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("decode_dir", type=PATH)
@click.argument("overrides", metavar="[rescore.KEY=VALUE]...", nargs=-1)
@click.option("--lm", type=PATH, required=True, help="ARPA, KenLM binary, folder of lm train, or text (.txt .gz .xz).")
@click.option("--out", type=OUTPUT, required=True, help="Folder to write: a decode folder, to score, export, rescore.")
@click.option(
    "--method",
    type=click.Choice(["lattice", "nbest", "search"]),
    help="lattice (the default): all paths of the stored lattices; nbest: their best word sequences; search (the "
    "default with --words): a new search through the stored frame scores for all words of the LM.",
)
@click.option("--n", type=click.IntRange(min=1), help="Word sequences an utterance for nbest; else rescore.nbest.")
@click.option("--tune", type=PATH, metavar="DECODE", help="Choose the weights on this decode of a dev set.")
@click.option("--weights", type=PATH, metavar="JSON", help="Take the weights from weights.json, as --tune left it.")
@click.option("--references", type=PATH, metavar="MANIFEST", help="Of --tune; else the manifest that was decoded.")
@click.option("--words", type=PATH, metavar="LIST", help="Words to add: one a line, with or without a pronunciation.")
@click.option("--boost", type=PATH, metavar="LIST", help="Phrases to prefer: one a line, and after a TAB its weight.")
@click.option("--espeak", metavar="LANGUAGE", help="Pronounces words that the lexicon lacks; else as for the graph.")
@click.option("--lattices", is_flag=True, help="Store the rescored lattices, too.")
@click.option(
    "--drop-held-out", is_flag=True, help="Leave out lines of an LM text that hold a sentence of the decodes."
)
@click.option("--config", "config_path", type=PATH, help="YAML with a section 'rescore'; without it conf/rescore.yaml.")
def rescore(  # noqa: PLR0913, PLR0917 -- one for each option
    decode_dir: Path,
    overrides: tuple[str, ...],
    lm: Path,
    out: Path,
    method: str | None,
    n: int | None,
    tune: Path | None,
    weights: Path | None,
    references: Path | None,
    words: Path | None,
    boost: Path | None,
    espeak: str | None,
    lattices: bool,
    drop_held_out: bool,
    config_path: Path | None,
) -> None:
    """Rescore the stored decode DECODE_DIR with another language model; neither network nor graph is needed.

    Scores add up as acoustic * network + lm * new LM + graph * old graph + word * words + boost * rewards of phrases.
    The weights are those of rescore.weights, or chosen on another decode (--tune), which may share no utterance with
    DECODE_DIR, and written to OUT/weights.json for further sets (--weights).
    """
    method = method or ("search" if words else "lattice")
    if n is not None and method != "nbest":
        raise click.UsageError("--n goes with --method nbest")
    if espeak is not None and method != "search":
        raise click.UsageError("--espeak goes with --method search")
    if references is not None and tune is None:
        raise click.UsageError("--references goes with --tune")
    from pyspeech.decoding.stored import WARNINGS
    from pyspeech.rescoring.config import DEFAULT, load_rescore_config
    from pyspeech.rescoring.run import Rescoring, weights_text
    from pyspeech.rescoring.run import rescore as run

    counted = () if n is None else (f"rescore.nbest={n}",)
    job = Rescoring(
        lm=lm,
        method=method,  # type: ignore[arg-type]
        config=load_rescore_config(config_path or DEFAULT, (*overrides, *counted)),
        tune=tune,
        weights=weights,
        references=references,
        words=words,
        boost=boost,
        espeak=espeak,
        drop_held_out=drop_held_out,
    )
    summary = run(decode_dir, job, out, lattices)
    cut = f", {summary['cut']} cut by rescore.lattice.max_states" if summary["cut"] else ""
    warned = f", {summary['warnings']} warnings in {out / WARNINGS}" if summary["warnings"] else ""
    click.echo(
        f"{out}: {summary['utterances']} utterances, {summary['seconds']:.0f} s of audio in "
        f"{summary['wall_seconds']:.1f} s{cut}{warned}; {weights_text(summary)}"
    )
