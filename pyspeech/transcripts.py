"""What was said in each utterance of a manifest, read without lhotse or torch so that any laptop can score.

A manifest is a file or, to whoever has them in Python, cuts: a ``CutSet`` of lhotse's, which may be opened lazily.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from pyspeech.entries import LONGEST_SECONDS, NotACutError, as_one
from pyspeech.errors import UserError
from pyspeech.files import existing_file
from pyspeech.json_files import read_json_lines

SUFFIXES = (".jsonl", ".jsonl.gz")


class CutLike(Protocol):
    """A cut of lhotse's, as far as it is looked at here."""

    def to_dict(self) -> dict[str, Any]:
        """The fields of its line of a manifest."""


Manifest: TypeAlias = Path | Iterable[CutLike]  # cuts may be asked for more than once


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


def as_manifest(given: str | PathLike[str] | Manifest) -> Manifest:
    """A manifest as a user names it: its path in any form, or cuts."""
    return Path(given) if isinstance(given, str | PathLike) else given


def shown(manifest: Manifest) -> str:
    """What a manifest is called in messages."""
    return str(manifest) if isinstance(manifest, Path) else "the CutSet"


def entries_of(manifest: Manifest) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield where each utterance stands, for messages, and its fields; one at a time, unchecked.

    Raises:
        UserError: no such file, or a line that is no object of JSON.
    """
    if isinstance(manifest, Path):
        for number, values in read_json_lines(existing_file(manifest, "manifest")):
            yield f"{manifest}, line {number}", values
    else:
        for number, cut in enumerate(manifest, 1):
            yield f"{shown(manifest)}, number {number}", cut.to_dict()


def read_transcripts(manifest: Manifest) -> Iterator[Transcript]:
    """Yield the transcript of every cut of a manifest, in its order, one at a time.

    Raises:
        UserError: no such file, or of another name than ``.jsonl`` or ``.jsonl.gz``; a line that is not a cut, or a cut
            without exactly one supervision.
    """
    if isinstance(manifest, Path):
        manifest_name(manifest)  # which refuses others
    for where, values in entries_of(manifest):
        yield _transcript(values, where)


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
