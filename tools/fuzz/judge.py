"""What may be the outcome of reading an input: right, or one sentence that refuses it."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass

import numpy as np

NO_NUMBER = re.compile(r"(?<![\w'\"/.])-?(?:nan|inf)(?![\w'\"/.:])")  # as Python prints it
MOST_LETTERS = 3000  # of a message


class Wrong(Exception):
    """An input was read, and something wrong came of it."""


def refuse_unsound(value: object) -> None:
    """Make sure that no number is none, in whatever was read.

    Raises:
        Wrong: there is one.
    """
    if isinstance(value, str) and (found := NO_NUMBER.search(value)):
        raise Wrong(f"'{found[0]}' is printed: {value[max(0, found.start() - 60) : found.end() + 20]!r}")
    if isinstance(value, float) and not math.isfinite(value):
        raise Wrong(f"the number {value}")
    if isinstance(value, np.ndarray) and value.dtype.kind == "f" and not np.isfinite(value).all():
        raise Wrong("an array with numbers that are not finite")
    for part in _parts(value):
        refuse_unsound(part)


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        return value.values()
    if is_dataclass(value):
        return [getattr(value, field.name) for field in fields(value)]
    return value if isinstance(value, list | tuple) else ()


def refuse_message(message: str) -> None:
    """Make sure that a message is one line that can be read.

    Raises:
        Wrong: it is not.
    """
    if not message.strip():
        raise Wrong("a message without words")
    if len(message.splitlines()) > 1:
        raise Wrong(f"a message of {len(message.splitlines())} lines: {message!r}")
    if len(message) > MOST_LETTERS:
        raise Wrong(f"a message of {len(message)} letters: {message[:100]!r}")
    if letters := {letter for letter in message if not letter.isprintable()}:
        raise Wrong(f"a message with {sorted(letters)!r}, which terminals obey: {message!r}")
