"""Pictures of lattices, for people: Graphviz' DOT text, and what its program ``dot`` makes of it."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from pyspeech.decoding.lattice import Lattice, best_path
from pyspeech.decoding.posteriors import arc_posteriors
from pyspeech.errors import UserError
from pyspeech.files import complete, write_text
from pyspeech.formats.word_lattice import likely_words

PICTURES = (".svg", ".png", ".pdf")
SUFFIXES = (".dot", *PICTURES)
NO_WORD = "–"  # what stands on the arc before the first word
BEST = ', color="#b30000", fontcolor="#b30000", penwidth=2.5'


def dot_text(lattice: Lattice, words: Sequence[str], frame_seconds: float, acoustic_scale: float, beam: float) -> str:
    """Return the lattice of words in the DOT language (https://graphviz.org/doc/info/lang.html), the best path bold.

    Paths whose score is more than ``beam`` below the best are left out. States are labelled by their time in seconds;
    arcs by the word, its score, and its share in the probability of all that is drawn.
    """
    drawn = likely_words(lattice, acoustic_scale, beam)
    best = set(best_path(drawn, acoustic_scale).tolist())
    posteriors = arc_posteriors(drawn, acoustic_scale).tolist()
    scores = drawn.scores(acoustic_scale).tolist()
    times = dict(zip(drawn.source.tolist(), drawn.frame.tolist(), strict=True))
    times[drawn.num_states - 1] = drawn.num_frames
    lines = [
        f"digraph {_quoted(drawn.id)} {{",
        f"rankdir=LR; label={_quoted(drawn.id)}; labelloc=t;",
        'node [shape=circle, width=0.5, fixedsize=true, fontsize=10, fontname="sans-serif"];',
        'edge [fontsize=11, fontname="sans-serif"];',
        *(f'{state} [label="{frame * frame_seconds:.2f}"];' for state, frame in sorted(times.items())),
        f"{drawn.num_states - 1} [shape=doublecircle];",
    ]
    for arc, (source, target, word) in enumerate(
        zip(drawn.source.tolist(), drawn.target.tolist(), drawn.word.tolist(), strict=True)
    ):
        label = f"{words[word] if word else NO_WORD}\n{scores[arc]:.1f}  {posteriors[arc]:.0%}"
        lines.append(f"{source} -> {target} [label={_quoted(label)}{BEST if arc in best else ''}];")
    return "\n".join([*lines, "}"]) + "\n"


def draw(text: str, out: Path) -> None:
    """Write DOT as it is or as a picture, by the suffix of ``out``: .dot, .svg, .png or .pdf.

    Raises:
        UserError: another suffix, or a picture is asked for and the program ``dot`` is missing or fails.
    """
    if out.suffix not in SUFFIXES:
        raise UserError(f"{out} has no suffix of a drawing; name a file that ends in {', '.join(SUFFIXES)}")
    if out.suffix == ".dot":
        write_text(out, text)
        return
    program = shutil.which("dot")
    if program is None:
        raise UserError(
            f"drawing {out} needs the program dot of Graphviz, which is not installed; "
            "install it (Debian, Ubuntu: apt-get install graphviz), or write a .dot, which needs none"
        )
    with complete(out) as partial:
        command = [program, f"-T{out.suffix[1:]}", "-o", str(partial)]
        done = subprocess.run(command, input=text, encoding="utf-8", capture_output=True, check=False)
        if done.returncode:
            raise UserError(f"{program} cannot draw {out} ({done.stderr.strip()}); write a .dot and look at it")


def _quoted(text: str) -> str:
    """``text`` as a DOT string, in which backslashes begin escapes."""
    backslash, quote = "\\", '"'
    for special in (backslash, quote):
        text = text.replace(special, backslash + special)
    return quote + text.replace("\n", "\\n") + quote
