"""What was said in each utterance of a manifest, read without lhotse or torch so that any laptop can score."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspeech.entries import LONGEST_SECONDS, NotACutError, as_one
from pyspeech.errors import UserError
from pyspeech.files import existing
from pyspeech.json_files import read_json_lines

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


def _transcript(values: dict[str, Any], where: str) -> Transcript:
    if not isinstance(values.get("id"), str):
        raise UserError(f"{where} is not a cut: it has no 'id'; expected a manifest of lhotse cuts")
    where = f"{where}, cut {values['id']}"
    try:
        values = as_one(values)
    except NotACutError as error:
        raise UserError(f"{where} cannot be read: {error}; make the manifest again") from error
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
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= LONGEST_SECONDS:
        raise UserError(f"{where}: no 'duration' in seconds; expected a manifest of lhotse cuts")
    speaker = supervisions[0].get("speaker")
    return Transcript(values["id"], text, speaker if isinstance(speaker, str) else "", float(seconds))
