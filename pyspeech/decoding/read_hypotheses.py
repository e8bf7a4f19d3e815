"""The words of a stored decode with their times, or its tokens."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pyspeech.decoding.hypothesis import Timed
from pyspeech.decoding.stored import HYPOTHESES
from pyspeech.errors import UserError
from pyspeech.files import existing_file
from pyspeech.json_files import read_json_lines

Kind = Literal["word", "token"]
ENTRIES: dict[Kind, str] = {"word": "word_times", "token": "tokens"}  # in a line


@dataclass(frozen=True)
class TimedTranscript:
    """The words of an utterance, or its tokens, in order, and its duration."""

    id: str
    words: tuple[Timed, ...]
    seconds: float


def read_timed_transcripts(decode_folder: Path, kind: Kind = "word") -> list[TimedTranscript]:
    """Read ``hyps.jsonl``; of ``kind`` is what stands in ``words``.

    Raises:
        UserError: no such file, or a line without what is needed, naming it.
    """
    path = existing_file(decode_folder / HYPOTHESES, "hypotheses")
    transcripts: dict[str, TimedTranscript] = {}
    for number, line in read_json_lines(path):
        where = f"{path}, line {number}"
        id_, entries = line.get("id"), line.get(ENTRIES[kind])
        if not isinstance(id_, str) or not isinstance(entries, list):
            raise UserError(f"{where}: expected an 'id' and '{ENTRIES[kind]}'; decode again")
        if id_ in transcripts:
            raise UserError(f"{where}: a second hypothesis for {id_}; decode again")
        words = tuple(_timed(entry, kind, where) for entry in entries)
        transcripts[id_] = TimedTranscript(id_, words, _number(line.get("seconds"), f"{where}, seconds"))
    return list(transcripts.values())


def _timed(entry: object, kind: Kind, where: str) -> Timed:
    values = entry if isinstance(entry, dict) else {}
    word = values.get(kind)
    if not isinstance(word, str) or word.split() != [word]:
        raise UserError(f"{where}: expected a '{kind}' in '{ENTRIES[kind]}', found {entry!r}; decode again")
    start, end = (_number(values.get(name), f"{where}, '{word}', {name}") for name in ("start", "end"))
    if end < start:
        raise UserError(f"{where}: '{word}' ends before it starts; decode again")
    confidence = values.get("confidence")
    return Timed(word, start, end, None if confidence is None else _number(confidence, f"{where}, '{word}'"))


def _number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise UserError(f"{where}: expected a number from 0 up, found {value!r}; decode again")
    return float(value)
