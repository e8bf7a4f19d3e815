"""The lines of a manifest, damaged ones too: each is told apart, none is the end."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspeech.corpora.splits import kind_of
from pyspeech.files import existing_file
from pyspeech.json_files import parse_line
from pyspeech.text_files import CutShortError, read_raw_lines
from pyspeech.transcripts import manifest_name
from pyspeech.validation.faults import CUT_SHORT, NOT_JSON, NOT_UTF8, Finding


@dataclass(frozen=True)
class Line:
    """One line as it stands: its number from 1, its bytes, and its JSON object or what is wrong with it."""

    number: int
    raw: bytes
    content: dict[str, Any] | Finding


def side_of(path: Path) -> str:
    """``train``, ``dev`` or ``test`` for names such as ``train``, ``valid`` or ``test-clean``; others' first word.

    Raises:
        UserError: as ``manifest_name``.
    """
    return kind_of(manifest_name(path))


def read_lines(path: Path) -> Iterator[Line]:
    """Yield every line but blank ones; where the file breaks off, a last one says so.

    Raises:
        UserError: there is no such file.
    """
    number = 0
    existing_file(path, "manifest")
    try:
        for number, raw in read_raw_lines(path):
            if raw.strip():
                yield Line(number, raw, _content(raw))
    except CutShortError as error:
        yield Line(number + 1, b"", Finding(CUT_SHORT, f"after line {number}: {error}"))


def _content(raw: bytes) -> dict[str, Any] | Finding:
    try:
        value = parse_line(raw)
    except UnicodeDecodeError as error:
        return Finding(NOT_UTF8, f"byte {raw[error.start]:#x}")
    except ValueError as error:
        return Finding(NOT_JSON, str(error))
    return value if isinstance(value, dict) else Finding(NOT_JSON, f"{type(value).__name__}, no object")
