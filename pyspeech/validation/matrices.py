"""What only reading tells of features that others computed: that they are a matrix of finite numbers."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pyspeech.data.precomputed_features import MatrixFile, read_matrix
from pyspeech.entries import Entry
from pyspeech.errors import MissingPackage, UserError
from pyspeech.validation.faults import DAMAGED_FEATURES, Finding
from pyspeech.validation.headers import in_threads


def check_matrices(entries: Sequence[Entry]) -> Iterator[tuple[Entry, list[Finding]]]:
    """Read the given features of every entry that has any; files that are missing are left to ``check_audio``.

    Raises:
        MissingPackage: features of this kind cannot be read here.
    """
    given = [entry for entry in entries if _matrix(entry) is not None]
    yield from zip(given, in_threads(_check, given, "features", " matrices"), strict=True)


def _check(entry: Entry) -> list[Finding]:
    values = _matrix(entry)
    assert values is not None
    if not Path(values["path"]).exists():
        return []
    try:
        read_matrix(MatrixFile(**values))
    except MissingPackage:
        raise
    except (TypeError, UserError) as error:  # the former for keys and values that describe no matrix
        return [Finding(DAMAGED_FEATURES, str(error))]
    return []


def _matrix(entry: Entry) -> dict[str, Any] | None:
    return None if entry.stored is None else entry.stored.matrix
