"""What a decoding graph is made from, and whether a folder holds the graph of it; quick, as it imports no k2."""

from pathlib import Path

from pyspeech.files import digest, existing, existing_file, refuse_others
from pyspeech.json_files import is_made_from

FILES = frozenset({"graph.safetensors", "words.txt", "graph.json"})
FORMAT = 3  # raise it when the same inputs give another graph or more is said of it


def find_arpa(lm: Path) -> Path:
    """Return the ARPA file of a folder that ``pyspeech lm train`` made; a file is taken for one itself.

    Raises:
        UserError: it is not there.
    """
    return existing_file(lm / "lm.arpa" if lm.is_dir() else lm, "language model")


def inputs_digest(lang: Path, lm: Path) -> str:
    """Digest of the contents that decide a graph.

    Raises:
        UserError: the token set or the language model is missing.
    """
    existing(lang / "tokens.json", "token set")
    files = sorted(path for path in lang.iterdir() if path.is_file())
    return digest(FORMAT, [path.name for path in files], *files, find_arpa(lm))


def is_current(out: Path, key: str) -> bool:
    """Whether ``out`` holds the graph of the inputs with this digest.

    Raises:
        UserError: ``out`` holds other things, which making the graph would lose.
    """
    refuse_others(out, FILES, "a decoding graph")
    return is_made_from(out, FILES, "graph.json", key)
