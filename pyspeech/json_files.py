"""JSON that may come from anywhere, read in one way and within bounds: what is no use to anyone is one clear error.

Python's reader alone ends in ``RecursionError`` where brackets stand deeply within each other, and takes lines without
end, numbers that no other type holds, and characters that cannot be written (half a surrogate pair) or be part of a
path (NUL).
"""

import json
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from pyspeech.errors import UserError
from pyspeech.files import existing_file
from pyspeech.text_files import MAX_LINE_BYTES, CutShortError, read_raw_lines

MAX_DEPTH = 64  # of objects and arrays within each other
MAX_CONTAINERS = 1 << 20  # objects and arrays in one text: empty ones take up to 64 bytes of memory for two of text
MAX_FILE_BYTES = 64 << 20  # of a file that is one text: the ids of a million utterances take half of it
WHOLE_NUMBERS = range(-(1 << 63), 1 << 64)  # what 64 bits hold, and any float
SUSPECT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])|\d{19}")  # may be NUL, half a character, or a number beyond those

Kind = TypeVar("Kind", dict[str, Any], list[Any])


def parse_json(text: bytes) -> Any:  # noqa: ANN401 -- what JSON can hold
    """Return the value of a JSON text in UTF-8; it may hold NaN and Infinity, as Python writes them.

    Raises:
        ValueError: it is no JSON in UTF-8, is nested too deeply, or holds strings that no file or path can, or whole
            numbers of more than 64 bits.
    """
    containers = text.count(b"[") + text.count(b"{")
    if containers > MAX_CONTAINERS:
        raise ValueError(f"more than {MAX_CONTAINERS} objects and arrays")
    try:
        value = json.loads(text.decode("utf-8-sig"))  # of bytes, json would take surrogates, and UTF-16 too
    except RecursionError:
        raise ValueError(f"nested more than {MAX_DEPTH} deep") from None
    if containers > MAX_DEPTH or SUSPECT.search(text):
        _check(value)
    return value


def read_json(path: Path, what: str, remedy: str) -> dict[str, Any]:
    """Read a file that is one JSON object.

    Args:
        path: The file.
        what: What it should be, for the message.
        remedy: What to do where it is not: ``decode again``.

    Raises:
        UserError: there is no such file, or it holds something else.
    """
    return _read(path, what, remedy, dict)


def read_json_list(path: Path, what: str, remedy: str) -> list[Any]:
    """As :func:`read_json`, for a file that is one JSON array."""
    return _read(path, what, remedy, list)


def is_made_from(folder: Path, files: Collection[str], table: str, key: str) -> bool:
    """Whether ``folder`` holds all of ``files``, and its JSON ``table`` (one of them) has the digest ``key``."""
    if not all((folder / name).is_file() for name in files):
        return False
    with suppress(UserError):  # a damaged one is made again
        return read_json(folder / table, "description", "make it again").get("digest") == key
    return False


def read_json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number from 1, object) for every line of a JSON lines file, gzipped if its name ends in ``.gz``.

    Blank lines are skipped.

    Raises:
        UserError: the file is damaged or a line is not a JSON object, naming the line.
    """
    number = 0
    try:
        for number, line in read_raw_lines(path):
            if line.strip():
                yield number, _object(line, f"{path}, line {number}")
    except CutShortError as error:
        raise UserError(f"{path} cannot be read after line {number} ({error}); make it again") from error


def parse_line(line: bytes) -> Any:  # noqa: ANN401 -- what JSON can hold
    """As :func:`parse_json`, for one line of :func:`read_raw_lines`.

    Raises:
        ValueError: it is no JSON, or too long.
    """
    if len(line) > MAX_LINE_BYTES:
        raise ValueError(f"more than {MAX_LINE_BYTES >> 20} MiB in one line")
    return parse_json(line)


_NAMES: dict[type, str] = {dict: "object", list: "array"}


def _read(path: Path, what: str, remedy: str, kind: type[Kind]) -> Kind:
    with existing_file(path, what).open("rb") as stream:
        text = stream.read(MAX_FILE_BYTES + 1)
    try:
        if len(text) > MAX_FILE_BYTES:
            raise ValueError(f"more than {MAX_FILE_BYTES >> 20} MiB")
        value = parse_json(text)
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON ({error}); {remedy}") from error
    if not isinstance(value, kind):
        raise UserError(f"{path}: expected a JSON {_NAMES[kind]}, found {type(value).__name__}; {remedy}")
    return value


def _object(line: bytes, where: str) -> dict[str, Any]:
    try:
        value = parse_line(line)
    except ValueError as error:
        raise UserError(f"{where} is not valid JSON ({error}); make the file again") from error
    if not isinstance(value, dict):
        raise UserError(f"{where}: expected a JSON object, found {type(value).__name__}; make the file again")
    return value


def _check(value: object) -> None:
    """Refuse deep nesting, whole numbers beyond 64 bits, and strings that cannot be encoded or hold NUL.

    Such strings can stand in no file or path.
    """
    waiting = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if isinstance(item, str):
            if "\0" in item:
                raise ValueError("a string holds the character NUL")
            try:
                item.encode()
            except UnicodeEncodeError:
                raise ValueError(r"a string holds half of a character, a lone surrogate such as \ud800") from None
        elif isinstance(item, int) and item not in WHOLE_NUMBERS:
            raise ValueError("a whole number of more than 64 bits")
        elif isinstance(item, dict | list):
            if depth >= MAX_DEPTH:
                raise ValueError(f"nested more than {MAX_DEPTH} deep")
            parts = [*item, *item.values()] if isinstance(item, dict) else item
            waiting.extend((part, depth + 1) for part in parts)
