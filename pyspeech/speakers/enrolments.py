"""Stored people who can be identified: names and mean embeddings, changed by one program at a time."""

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pyspeech.errors import UserError, nearest
from pyspeech.files import digest, existing, refuse_others, write_text, writing
from pyspeech.json_files import MAX_FILE_BYTES, read_json
from pyspeech.locks import only_writer

PEOPLE = "people.json"
FILES = frozenset({PEOPLE})
DIGEST = "digest"  # of all else in the file, as one number is as good as another; earlier versions wrote none
DIGITS = 9  # of a number, which tell float32 numbers apart
LARGEST = 1e18  # number in an embedding: its square is one of 32 bits
AGAIN = "enrol its people again in a new store"


@dataclass(frozen=True)
class Enrolment:
    """One person: the number of utterances, and the mean of their unit-length embeddings, float32[D]."""

    utterances: int
    mean_D: NDArray[np.float32]


def is_store(folder: Path) -> bool:
    """Whether :func:`change_enrolments` wrote this folder."""
    return (folder / PEOPLE).is_file()


def check_name(name: str) -> str:
    """Return ``name`` if a person can be called so: as a folder, in a column of text, and on a line.

    Raises:
        UserError: it is empty, has a path separator or what cannot be printed, or begins or ends with a space.
    """
    if not name or not name.isprintable() or name != name.strip() or {"/", "\\"} & set(name) or name in (".", ".."):
        raise UserError(f"no person can be called {name!a}: give a name of printable characters, without / and \\")
    return name


def load_enrolments(store: Path, origin: str) -> dict[str, Enrolment]:
    """Read the people of a store in ascending order of their names; ``origin`` is the digest of the network.

    Raises:
        UserError: there is no store, it is damaged, or it was made with another network or other features.
    """
    path = existing(store, "store of enrolled people") / PEOPLE
    stored = read_json(path, "store of enrolled people", AGAIN)
    try:
        made_with, values = stored.get("origin"), stored.get("people")
        if not isinstance(made_with, str) or not isinstance(values, dict):
            raise ValueError("no 'origin' and 'people'")
        if stored.get(DIGEST, content_digest := digest(made_with, values)) != content_digest:
            raise ValueError("something in it was changed")
        people = {check_name(name): _enrolment(name, each) for name, each in values.items()}
        if len({len(one.mean_D) for one in people.values()}) > 1:
            raise ValueError("embeddings of different widths")
    except (ValueError, UserError) as error:
        raise UserError(f"{path} is damaged ({error}); {AGAIN}") from error
    if made_with != origin:
        raise UserError(
            f"{store} was made with another network or feature settings; name the training that it was made with, or "
            "enrol its people again in a new store"
        )
    return dict(sorted(people.items()))


def change_enrolments(
    store: Path, origin: str, add: Mapping[str, Enrolment], remove: Collection[str] = ()
) -> dict[str, Enrolment]:
    """Remove and then add people, those of a name that is stored in their place; return all that are stored now.

    The store is made if there is none and somebody to add. What is in it depends on the people alone, not on the order
    in which they came. Nothing of those who were removed or replaced is left in its folder.

    Raises:
        UserError: as :func:`load_enrolments`; a name to remove that is not stored, or a name nobody can have; or the
            folder holds other things or cannot be written. Nothing is changed then.
    """
    for name in add:
        check_name(name)
    refuse_change(store, origin, remove)
    with writing(store, store), only_writer(store, wait=True):
        people = refuse_change(store, origin, remove)  # again: another program may have been here
        people = {name: one for name, one in people.items() if name not in remove} | dict(add)
        text = _text(people, origin)
        if len(text.encode()) > MAX_FILE_BYTES:
            raise UserError(f"{store} holds {len(people)} people, more than can be read again; begin another store")
        write_text(store / PEOPLE, text)
    return dict(sorted(people.items()))


def refuse_change(store: Path, origin: str, remove: Collection[str]) -> dict[str, Enrolment]:
    """Make sure that people can be added to a store and removed from it; return those that it holds, if there is one.

    Raises:
        UserError: as :func:`change_enrolments`.
    """
    refuse_others(store, FILES, "a store of enrolled people")
    people = load_enrolments(store, origin) if remove or is_store(store) else {}
    for name in remove:
        if name not in people:
            hint = nearest(name, people) if people else "; it is empty"
            raise UserError(f"{store} has nobody called '{name}'{hint}")
    return people


def _enrolment(name: str, values: object) -> Enrolment:
    utterances, mean = (values.get("utterances"), values.get("mean")) if isinstance(values, dict) else (None, None)
    if type(utterances) is not int or utterances < 1:
        raise ValueError(f"'{name}' has no number of utterances")
    if not isinstance(mean, list) or not all(type(each) in (int, float) and abs(each) < LARGEST for each in mean):
        raise ValueError(f"'{name}' has no embedding of numbers")
    mean_D = np.array(mean, dtype=np.float32)
    if not 0 < np.linalg.norm(mean_D) < math.inf:
        raise ValueError(f"'{name}' has an embedding without a direction")
    return Enrolment(utterances, mean_D)


def _text(people: Mapping[str, Enrolment], origin: str) -> str:
    """One line a person, so that the file can be looked at."""
    lines = [
        json.dumps(name, ensure_ascii=False)
        + f': {{"utterances": {one.utterances}, "mean": ['
        + ", ".join(f"{value:.{DIGITS}g}" for value in one.mean_D.tolist())
        + "]}"
        for name, one in sorted(people.items())
    ]
    joined = ",\n".join(lines)
    content_digest = digest(origin, json.loads(f"{{{joined}}}"))
    return f'{{"origin": {json.dumps(origin)}, "{DIGEST}": "{content_digest}", "people": {{\n{joined}\n}}}}\n'
