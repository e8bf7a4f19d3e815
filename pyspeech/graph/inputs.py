"""What a decoding graph is made from, and whether a folder holds the graph of it; quick, as it imports no k2."""

from pathlib import Path
from typing import TYPE_CHECKING

from pyspeech.errors import UserError
from pyspeech.files import digest, existing, existing_file, refuse_others
from pyspeech.json_files import is_made_from

if TYPE_CHECKING:
    from pyspeech.lang.tokens import TokenSet

FILES = frozenset({"graph.safetensors", "words.txt", "graph.json"})
EPSILON = "<eps>"
AGAIN = "make the graph again"
FORMAT = 4  # raise it when the same inputs give another graph or more is said of it


def find_arpa(lm: Path) -> Path:
    """Return the ARPA file of a folder that ``pyspeech lm train`` made; a file is taken for one itself.

    Raises:
        UserError: it is not there.
    """
    return existing_file(lm / "lm.arpa" if lm.is_dir() else lm, "language model")


def inputs_digest(lang: "Path | TokenSet", lm: Path) -> str:
    """Digest of the contents that decide a graph.

    Raises:
        UserError: the token set or the language model is missing.
    """
    if not isinstance(lang, Path):
        return digest(FORMAT, lang.content, find_arpa(lm))
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


def read_words(folder: Path) -> tuple[str, ...]:
    """Return the words of a graph by id, 0 for none.

    Raises:
        UserError: there is no graph, or its list of words is missing or damaged.
    """
    from pyspeech.arrays import check_names  # with NumPy, which it takes a while to import

    existing_file(folder / "graph.safetensors", "decoding graph")
    path = existing_file(folder / "words.txt", "list of words")
    try:
        words = check_names("words", path.read_text(encoding="utf-8").split("\n")[:-1])
        if not words or words[0] != EPSILON or "" in words:
            raise ValueError(f"expected {EPSILON}, then a word in every line")
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}); {AGAIN}") from error
    return words
