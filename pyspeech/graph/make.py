"""A decoding graph from a token set and a language model: made where there is none yet of just these."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pyspeech.errors import MissingPackage
from pyspeech.graph.inputs import find_arpa, inputs_digest, is_current

if TYPE_CHECKING:
    from pyspeech.graph.compose import Graph
    from pyspeech.lang.tokens import TokenSet


WITHOUT_K2 = "tools/install.sh --lane pypi; or decode without a graph, by --method search --lm LM"


def update_graph(lang: "Path | TokenSet", lm: Path, out: Path) -> bool:
    """Write the folder ``out`` unless it holds the graph of these contents; return whether it was written.

    Raises:
        UserError: as :func:`new_graph`, or ``out`` holds other things.
        MissingPackage: k2 is not installed, and there is something to write.
    """
    key = inputs_digest(lang, lm)
    if is_current(out, key):
        return False
    with _with_k2():
        from pyspeech.graph.compose import make_graph

    make_graph(out, key, _tokens(lang), find_arpa(lm))
    return True


def new_graph(lang: "Path | TokenSet", lm: Path) -> "Graph":
    """Compile a graph in memory.

    Args:
        lang: A token set, or the folder of one.
        lm: An ARPA file, or a folder of ``pyspeech lm train``.

    Raises:
        UserError: something given is missing or damaged, or they share no word.
        MissingPackage: k2 is not installed.
    """
    with _with_k2():
        from pyspeech.graph.compose import compile_tokens

    graph, _ = compile_tokens(_tokens(lang), find_arpa(lm))
    return graph


@contextmanager
def _with_k2() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingPackage("k2", "a decoding graph", WITHOUT_K2) from error


def _tokens(lang: "Path | TokenSet") -> "TokenSet":
    from pyspeech.lang.tokens import load_tokens

    return load_tokens(lang) if isinstance(lang, Path) else lang
