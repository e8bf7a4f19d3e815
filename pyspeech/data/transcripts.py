"""What was said in each utterance of a manifest, read without lhotse or torch so that any laptop can score."""

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspeech.errors import UserError
from pyspeech.files import existing

SUFFIXES = (".jsonl", ".jsonl.gz")


@dataclass(frozen=True)
class Transcript:
    """The words of one utterance.

    Args:
        id: Identity of the cut.
        text: Words as spoken, separated by spaces; may be empty.
        speaker: Empty where the manifest names none.
        seconds: Duration of the cut.
    """

    id: str
    text: str
    speaker: str
    seconds: float


def manifest_name(path: Path) -> str:
    """``train`` for ``data/manifests/train.jsonl.gz``.

    Raises:
        UserError: the name has another ending.
    """
    for suffix in SUFFIXES:
        if path.name.endswith(suffix):
            return path.name.removesuffix(suffix)
    raise UserError(f"{path} is not a manifest; its name must end in {' or '.join(SUFFIXES)}")


def read_transcripts(path: Path) -> Iterator[Transcript]:
    """Yield the transcript of every cut of a ``.jsonl`` or ``.jsonl.gz`` manifest, in its order, one line at a time.

    Raises:
        UserError: no such file, a line that is not a cut, or a cut without exactly one supervision.
    """
    manifest_name(path)  # which refuses others
    for number, values in read_json_lines(existing(path, "manifest")):
        yield _transcript(values, f"{path}, line {number}")


def read_json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number from 1, object) for every line of a JSON lines file, gzipped if its name ends in ``.gz``.

    Blank lines are skipped.

    Raises:
        UserError: the file is damaged or a line is not a JSON object, naming the line.
    """
    number = 0
    try:
        with gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    yield number, _object(line, f"{path}, line {number}")
    # A truncated or damaged gzip stream shows as one of these three, depending on where the damage is.
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} cannot be read after line {number} ({error}); make it again") from error


def _object(line: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{where} is not valid JSON ({error}); make the file again") from error
    if not isinstance(value, dict):
        raise UserError(f"{where}: expected a JSON object, found {type(value).__name__}; make the file again")
    return value


def _transcript(values: dict[str, Any], where: str) -> Transcript:
    if not isinstance(values.get("id"), str):
        raise UserError(f"{where} is not a cut: it has no 'id'; expected a manifest of lhotse cuts")
    where = f"{where}, cut {values['id']}"
    supervisions = values.get("supervisions")
    if not isinstance(supervisions, list) or len(supervisions) != 1 or not isinstance(supervisions[0], dict):
        count = len(supervisions) if isinstance(supervisions, list) else "no list"
        raise UserError(
            f"{where}: expected one supervision per cut, found {count or 'none'}; "
            "write one cut per utterance (lhotse: trim_to_supervisions)"
        )
    text, seconds = supervisions[0].get("text"), values.get("duration")
    if not isinstance(text, str):
        raise UserError(f"{where}: its supervision has no text; give every utterance its words")
    if not isinstance(seconds, int | float):
        raise UserError(f"{where}: no 'duration' in seconds; expected a manifest of lhotse cuts")
    return Transcript(values["id"], text, supervisions[0].get("speaker") or "", float(seconds))
