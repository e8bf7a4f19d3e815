"""Stored embeddings: one row of numbers for each utterance, and how alike two of them are."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pyspeech.errors import UserError
from pyspeech.files import complete, existing, refuse_others, write_json

IDS, ROWS = "ids.json", "embeddings.npy"
_BLOCK = 1 << 16  # pairs that are multiplied together


@dataclass(frozen=True)
class Embeddings:
    """Utterances by their ids and in the same order their embeddings, float32[N, D], N and D above 0."""

    ids: tuple[str, ...]
    rows_ND: NDArray[np.float32]

    def cosines(self, left: Sequence[int], right: Sequence[int]) -> NDArray[np.float32]:
        """Return the cosine of every pair of utterances, each given by its place in ``ids``: -1 to 1."""
        unit_ND = self.rows_ND / np.linalg.norm(self.rows_ND, axis=1, keepdims=True)
        first, second = np.asarray(left, dtype=np.int64), np.asarray(right, dtype=np.int64)
        scores = np.empty(len(first), dtype=np.float32)
        for start in range(0, len(first), _BLOCK):
            block = slice(start, start + _BLOCK)
            scores[block] = np.einsum("nd,nd->n", unit_ND[first[block]], unit_ND[second[block]])
        return scores.clip(-1, 1)


def save_embeddings(folder: Path, ids: Sequence[str], rows_ND: NDArray[np.float32]) -> None:
    """Write the folder that :func:`load_embeddings` reads; it takes the place of an earlier one.

    Raises:
        UserError: ``folder`` holds other files.
    """
    refuse_others(folder, {IDS, ROWS}, "embeddings")
    with complete(folder) as partial:
        partial.mkdir()
        write_json(partial / IDS, list(ids))
        np.save(partial / ROWS, rows_ND.astype(np.float32), allow_pickle=False)


def load_embeddings(folder: Path) -> Embeddings:
    """Read a folder that :func:`save_embeddings` wrote.

    Raises:
        UserError: a file is missing or damaged, an id comes twice, or an embedding has no direction.
    """
    ids_path, rows_path = existing(folder / IDS, "embeddings"), existing(folder / ROWS, "embeddings")
    try:
        ids = json.loads(ids_path.read_text(encoding="utf-8"))
        with rows_path.open("rb") as stream:
            if stream.read(6) != b"\x93NUMPY":  # np.load would take a zip of arrays, too
                raise ValueError("no array")
        rows_ND = np.load(rows_path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise UserError(f"{folder} holds damaged embeddings ({error}); run pyspeech embed again") from error
    known = isinstance(ids, list) and all(isinstance(id_, str) for id_ in ids) and 0 < len(ids) == len(set(ids))
    if not known or rows_ND.dtype != np.float32 or rows_ND.ndim != 2 or len(rows_ND) != len(ids):
        raise UserError(f"{ids_path} and {rows_path} do not fit each other; run pyspeech embed again")
    lengths_N = np.linalg.norm(rows_ND, axis=1)
    directed_N = np.isfinite(lengths_N) & (lengths_N > 0)
    if not directed_N.all():
        worst = ids[int(directed_N.argmin())]
        raise UserError(f"{rows_path}: the embedding of {worst} is zero or not finite; look at its audio, embed again")
    return Embeddings(tuple(ids), rows_ND)
