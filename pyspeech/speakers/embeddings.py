"""Stored embeddings: one row of numbers for each utterance, and who said it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyspeech.arrays import check_form, parse_npy
from pyspeech.errors import UserError
from pyspeech.files import complete, digest, existing_file, refuse_others, write_json
from pyspeech.json_files import parse_json, read_json_list

IDS, SPEAKERS, ROWS, ORIGIN = "ids.json", "speakers.json", "embeddings.npy", "origin.json"
CONTENT = (IDS, SPEAKERS, ROWS, ORIGIN)
DIGEST = "digest.json"  # of the content, in which one number is as good as another; earlier versions wrote none
FILES = frozenset({*CONTENT, DIGEST})
AGAIN = "run pyspeech embed again"

Space = tuple[str, int]  # a network's digest and how many numbers it gives: only what is of one space can be compared


@dataclass(frozen=True)
class Embeddings:
    """Utterances by their ids and in the same order their speakers and embeddings.

    ``ids`` are different; a speaker is ``""`` where unknown; ``rows_ND`` is float32[N, D], N above 0, and no row is 0.
    ``origin`` is the digest of the network that made them.
    """

    ids: tuple[str, ...]
    speakers: tuple[str, ...]
    rows_ND: NDArray[np.float32]
    origin: str

    @property
    def space(self) -> Space:
        """The network's digest and the width D: embeddings of one space can be compared."""
        return self.origin, self.rows_ND.shape[1]

    def by_speaker(self) -> dict[str, list[int]]:
        """Return the rows of each speaker, speakers and rows in the order in which they come.

        Raises:
            UserError: an utterance's speaker is unknown.
        """
        places: dict[str, list[int]] = {}
        for place, speaker in enumerate(self.speakers):
            if not speaker:
                raise UserError(
                    f"the embedding of {self.ids[place]} names no speaker; give every utterance of the manifest one, "
                    "and embed it again"
                )
            places.setdefault(speaker, []).append(place)
        return places


def unit_rows(rows_ND: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Return each row divided by its Euclidean length, which must not be 0, in the precision that it came in."""
    unit_ND: NDArray[np.floating[Any]] = rows_ND / np.linalg.norm(rows_ND, axis=1, keepdims=True)
    return unit_ND


def save_embeddings(
    folder: Path, ids: Sequence[str], speakers: Sequence[str], rows_ND: NDArray[np.floating[Any]], origin: str
) -> None:
    """Write the folder that :func:`load_embeddings` reads; it takes the place of an earlier one.

    Raises:
        UserError: ``folder`` holds other files.
    """
    refuse_others(folder, FILES, "embeddings")
    with complete(folder) as partial:
        partial.mkdir()
        write_json(partial / IDS, list(ids))
        write_json(partial / SPEAKERS, list(speakers))
        write_json(partial / ORIGIN, origin)
        np.save(partial / ROWS, rows_ND.astype(np.float32), allow_pickle=False)
        write_json(partial / DIGEST, digest(*(partial / name for name in CONTENT)))


def load_embeddings(folder: Path) -> Embeddings:
    """Read a folder that :func:`save_embeddings` wrote.

    Raises:
        UserError: a file is missing or damaged, an id comes twice, or an embedding has no direction.
    """
    ids_path, speakers_path, rows_path, origin_path = (existing_file(folder / name, "embeddings") for name in CONTENT)
    ids, speakers = (read_json_list(path, "list of names", AGAIN) for path in (ids_path, speakers_path))
    if not _is_names(ids) or len(ids) != len(set(ids)) or not _is_names(speakers) or len(speakers) != len(ids):
        raise UserError(f"{ids_path} and {speakers_path} do not fit each other; {AGAIN}")
    try:
        origin = parse_json(origin_path.read_bytes())
        rows_ND = parse_npy(rows_path.read_bytes(), ROWS)
        if not isinstance(origin, str):
            raise ValueError(f"{ORIGIN} holds no text")
        check_form(ROWS, rows_ND, "float32", len(ids), None)
        if (folder / DIGEST).exists() and parse_json((folder / DIGEST).read_bytes()) != digest(
            *(folder / name for name in CONTENT)
        ):
            raise ValueError("they are not what their digest is of")
    except ValueError as error:
        raise UserError(f"{folder} holds damaged embeddings ({error}); {AGAIN}") from error
    with np.errstate(over="ignore", invalid="ignore"):  # these become what is refused next
        lengths_N = np.linalg.norm(rows_ND, axis=1)
    directed_N = np.isfinite(lengths_N) & (lengths_N > 0)
    if not directed_N.all():
        worst = ids[int(directed_N.argmin())]
        raise UserError(f"{rows_path}: the embedding of {worst} is zero or not finite; look at its audio, embed again")
    return Embeddings(tuple(ids), tuple(speakers), rows_ND, origin)


def refuse_shared(
    what: str, one: str | Path, names: Iterable[str], other: str | Path, other_names: Iterable[str]
) -> None:
    """Make sure that no speaker or utterance (``what``), by its name, is in both of two sets; ``""`` is nobody's.

    Raises:
        UserError: one is.
    """
    if shared := sorted(set(names) & set(other_names) - {""}):
        raise UserError(
            f"{one} and {other} share {what}s ({len(shared)}), such as {shared[0]}; each needs people of its own, or "
            "results come out too good"
        )


def refuse_other_space(one: str | Path, space: Space, other: str | Path, other_space: Space) -> None:
    """Make sure that two sets of embeddings, or what was made from them, can be compared.

    Raises:
        UserError: they are of different networks.
    """
    if space != other_space:
        raise UserError(
            f"{one} and {other} come from different networks or feature settings; embed both by one training"
        )


def _is_names(value: object) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(isinstance(name, str) for name in value)
