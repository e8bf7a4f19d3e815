"""A manifest by its speakers, held so compactly that a million utterances fit, and that worker processes share it."""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from lhotse import MonoCut

from pyspeech.data.speeds import speed_of
from pyspeech.data.transcripts import read_json_lines
from pyspeech.errors import UserError
from pyspeech.files import existing

# All else of a cut, such as its text and stored features, plays no part when it is cropped.
KEPT = ("id", "start", "duration", "channel", "recording", "type")
Integers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SpeakerIndex:
    """N utterances of some speakers.

    One array holds the JSON of all cuts: as a million Python objects, each would be copied into a worker process as
    soon as that counts a reference to it.

    Args:
        speakers: Names, in the order of the manifest.
        first: [speakers + 1] Where each speaker's utterances begin in ``utterances``; last, the number of all.
        utterances: [N] Numbers of utterances, those of a speaker together.
        seconds: [N] Durations, by number of utterance.
        lines: The JSON of all cuts.
        offsets: [N + 1] Where each cut begins in ``lines``.
    """

    speakers: tuple[str, ...]
    first: Integers
    utterances: Integers
    seconds: Reals
    lines: npt.NDArray[np.uint8]
    offsets: Integers

    def of_speaker(self, number: int) -> Integers:
        """Numbers of the utterances of one speaker."""
        return self.utterances[self.first[number] : self.first[number + 1]]

    def cut(self, number: int) -> MonoCut:
        """Return one utterance, without its supervision."""
        line = self.lines[self.offsets[number] : self.offsets[number + 1]].tobytes()
        return MonoCut.from_dict(json.loads(line))


def read_speaker_index(path: Path, shortest: float) -> SpeakerIndex:
    """Read the utterances of a manifest of audio that last ``shortest`` seconds or more.

    The last one that was read is kept, since every epoch needs it.

    Raises:
        UserError: a damaged manifest, a cut without audio or speaker, or fewer than two speakers.
    """
    state = existing(path, "manifest").stat()
    return _read(path.resolve(), state.st_mtime_ns, state.st_size, shortest)


@functools.lru_cache(maxsize=1)
def _read(path: Path, modified: int, size: int, shortest: float) -> SpeakerIndex:  # noqa: ARG001 -- keys of the cache
    speakers: dict[str, int] = {}
    numbers: list[int] = []
    seconds: list[float] = []
    lines, offsets = bytearray(), [0]
    for line, values in read_json_lines(path):
        speaker = _speaker(values, f"{path}, line {line}, cut '{values.get('id')}'")
        if values["duration"] < shortest:
            continue
        numbers.append(speakers.setdefault(speaker, len(speakers)))
        seconds.append(values["duration"])
        lines += json.dumps({key: values[key] for key in KEPT if key in values}).encode()
        offsets.append(len(lines))
    if len(speakers) < 2:
        raise UserError(
            f"{path} holds {len(speakers)} speakers with utterances of {shortest:g} seconds or more, two are needed; "
            "check the split, and batches.min_utterance_seconds"
        )
    return SpeakerIndex(
        speakers=tuple(speakers),
        first=np.concatenate([[0], np.bincount(numbers).cumsum()]),
        utterances=np.argsort(numbers, kind="stable"),
        seconds=np.array(seconds),
        lines=np.frombuffer(lines, dtype=np.uint8),
        offsets=np.array(offsets),
    )


def _speaker(values: Mapping[str, Any], where: str) -> str:
    if not values.get("recording") or not isinstance(values.get("duration"), int | float):
        raise UserError(f"{where}: no recording with a duration; crops need audio, give the manifest of the audio")
    if speed_of(values) != 1.0:
        raise UserError(f"{where}: its speed is changed already; give the manifest of the audio as it is")
    supervisions = values.get("supervisions")
    if not isinstance(supervisions, list) or len(supervisions) != 1 or not supervisions[0].get("speaker"):
        raise UserError(f"{where}: expected one supervision that names the speaker; make the manifest again")
    return str(supervisions[0]["speaker"])
