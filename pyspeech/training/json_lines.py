"""JSON-lines files of a training, whose lines say where in it they were written."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pyspeech.files import write_text, writing
from pyspeech.json_files import parse_line

Position = tuple[int, int]  # whole epochs done, batches done of the next one
Line = Mapping[str, Any]


class Lines:
    """A file whose lines carry ``epoch`` (from 1) and ``batch`` (its number in that epoch, from 0).

    A resumed training so drops what it does again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, line: Line) -> None:
        """Append one line."""
        with writing(self.path), self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line, ensure_ascii=False) + "\n")

    def replace(self, lines: Sequence[Line]) -> None:
        """Write exactly these lines."""
        write_text(self.path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))

    def keep_until(self, position: Position) -> list[Line]:
        """Drop the lines of what comes after ``position``, and any that are not whole; return what is left.

        A kill may cut the last one short; those of an earlier version lack the batch.
        """
        if not self.path.exists():
            return []
        lines = [line for text in self.path.read_bytes().split(b"\n") if (line := _whole(text))]
        kept = [line for line in lines if position_of(line) < position]
        self.replace(kept)
        return kept


def position_of(line: Line) -> Position:
    """Return what was done before the batch of a line."""
    return line["epoch"] - 1, line["batch"]


def _whole(text: bytes) -> Line | None:
    try:
        line = parse_line(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) and all(type(line.get(key)) is int for key in ("epoch", "batch")) else None
