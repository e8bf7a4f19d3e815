"""``pyspeech lattice``: stored lattices as pictures, in the format of other tools, and how good they could be."""

import logging
import math
from pathlib import Path

import click

from pyspeech.cli.options import NamingGroup
from pyspeech.cli.output import OUTPUT

PATH = click.Path(path_type=Path)
BEAM = click.FloatRange(min=0)
log = logging.getLogger(__name__)


@click.group(cls=NamingGroup)
def lattice() -> None:
    """Draw stored lattices; exchange them with other tools; see whether rescoring can help."""


@lattice.command()
@click.argument("decode_dir", type=PATH)
@click.argument("utterance", metavar="ID")
@click.option("--out", type=OUTPUT, help="A .svg, .png, .pdf or .dot file; without it DOT to standard output.")
@click.option("--beam", type=BEAM, default=2.0, show_default=True, help="Natural logarithm: how far below the best.")
def draw(decode_dir: Path, utterance: str, out: Path | None, beam: float) -> None:
    """Draw the likely words of the utterance ID: states with their times, arcs with score and probability.

    The best path is bold. Pictures need Graphviz' program dot; a .dot needs nothing.
    """
    from pyspeech.decoding.stored import StoredDecode
    from pyspeech.formats import dot

    decode = StoredDecode(decode_dir)
    archive = decode.lattices
    text = dot.dot_text(archive[utterance], archive.words, archive.frame_seconds, decode.acoustic_scale, beam)
    if out is None:
        click.echo(text, nl=False)
    else:
        dot.draw(text, out)


@lattice.command()
@click.argument("manifest", type=PATH)
@click.argument("decode_dir", type=PATH)
def oracle(manifest: Path, decode_dir: Path) -> None:
    """Word error rate of the best choice among the paths of each lattice, and how many arcs cross a frame.

    No rescoring of these lattices can be better. The path is the one with the fewest errors against the utterances of
    MANIFEST; one without a lattice counts as deletions. The last line is the figure, with its 95% bootstrap interval
    over utterances.
    """
    from pyspeech.decoding.oracle import oracle_line, oracle_text, report_oracle

    report = report_oracle(manifest, decode_dir)
    click.echo(oracle_text(report) + oracle_line(report))


@lattice.command()
@click.argument("decode_dir", type=PATH)
@click.argument("out", type=OUTPUT)
@click.argument("utterances", metavar="[ID]...", nargs=-1)
@click.option("--beam", type=BEAM, default=math.inf, help="Leave out paths so far below the best (natural logarithm).")
@click.option("--words", is_flag=True, help="Arcs are words, from one to the next; tokens are gone. Use a --beam, too.")
def export(decode_dir: Path, out: Path, utterances: tuple[str, ...], beam: float, words: bool) -> None:
    """Write lattices in HTK's Standard Lattice Format, a file for each utterance, into the folder OUT."""
    from pyspeech.decoding.stored import StoredDecode
    from pyspeech.formats.slf_folder import export_slf

    decode = StoredDecode(decode_dir)
    count = export_slf(decode.lattices, out, utterances, decode.acoustic_scale, beam, words)
    log.info(f"{out}: {count} lattices")


@lattice.command("import")
@click.argument("slf_folder", type=PATH)
@click.argument("out", type=OUTPUT)
def import_(slf_folder: Path, out: Path) -> None:
    """Make the archive of lattices OUT, such as DECODE_DIR/lattices, of the files in SLF_FOLDER."""
    from pyspeech.formats.slf_folder import import_slf

    log.info(f"{out}: {import_slf(slf_folder, out)} lattices")
