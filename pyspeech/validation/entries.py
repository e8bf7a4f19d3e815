"""An utterance as its line of a manifest tells it: what the checks need, read without lhotse."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = "file"
LARGEST = 1e12  # seconds, samples or hertz; whatever is larger is damage, and overflows
# What each transform of lhotse needs; of these, two shorten the audio by their factor and none else changes its length.
TRANSFORMS = {
    "Speed": ("factor",),
    "Tempo": ("factor",),
    "Volume": ("factor",),
    "Resample": ("source_sampling_rate", "target_sampling_rate"),
}
SHORTENING = ("Speed", "Tempo")


class NotACutError(Exception):
    """The line is no cut that training reads; the message says what it lacks."""


@dataclass(frozen=True, slots=True)
class Audio:
    """A recording as the manifest describes it; times are those of the audio as it is played.

    ``path`` is None where the recording is not one file. ``speed`` is the factor by which the file is played faster,
    None where a transform changes it in another way; ``resampled`` tells whether its rate differs from the file's.
    """

    path: str | None
    sampling_rate: int
    num_samples: int
    duration: float
    speed: float | None
    resampled: bool
    transformed: bool


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that holds the features of the utterance, and how many bytes it has at least (0: not known).

    ``path`` is None where they are at an address. ``matrix`` is what the manifest says of features given by others.
    """

    path: str | None
    end: int = 0
    matrix: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One utterance. ``text`` and the supervision's times are of its one supervision, where it has one."""

    manifest: int
    line: int
    id: str
    start: float
    duration: float
    channel: int
    supervisions: int
    text: str | None
    speaker: str
    supervised: tuple[float, float]  # start and end within the cut
    audio: Audio | None
    stored: Stored | None

    @property
    def original(self) -> bool:
        """Whether it is no copy at another speed."""
        return self.audio is None or self.audio.speed == 1.0


def read_entry(values: dict[str, Any], manifest: int, line: int) -> Entry:
    """Read a lhotse ``MonoCut``.

    Raises:
        NotACutError: a field is missing or of another type.
    """
    kind = values.get("type")
    if kind not in ("MonoCut", "Cut"):
        raise NotACutError(f"type {kind!r}, not 'MonoCut'")
    supervisions = _list(values.get("supervisions", []), "supervisions")
    for supervision in supervisions:
        _check_supervision(supervision)
    only = supervisions[0] if len(supervisions) == 1 else {}
    text, speaker = only.get("text"), only.get("speaker")
    start = _number(only, "start") if only else 0.0
    recording, features = values.get("recording"), values.get("features")
    return Entry(
        manifest=manifest,
        line=line,
        id=_string(values, "id"),
        start=_number(values, "start"),
        duration=_number(values, "duration"),
        channel=_whole(values, "channel"),
        supervisions=len(supervisions),
        text=text if isinstance(text, str) else None,
        speaker=speaker if isinstance(speaker, str) else "",
        supervised=(start, start + _number(only, "duration") if only else 0.0),
        audio=None if recording is None else _audio(_object(recording, "recording")),
        stored=_given(values) if features is None else _features(_object(features, "features")),
    )


def _check_supervision(supervision: object) -> None:
    values = _object(supervision, "a supervision")
    for key in ("id", "recording_id"):
        _string(values, key)
    for key in ("start", "duration"):
        _number(values, key)


def _audio(recording: dict[str, Any]) -> Audio:
    _string(recording, "id")
    sources = [_source(each) for each in _list(recording.get("sources"), "sources")]
    one_file = len(sources) == 1 and sources[0]["type"] == FILE
    transforms = [_transform(each) for each in _list(recording.get("transforms") or [], "transforms")]
    return Audio(
        path=_string(sources[0], "source") if one_file else None,
        sampling_rate=_whole(recording, "sampling_rate"),
        num_samples=_whole(recording, "num_samples"),
        duration=_number(recording, "duration"),
        speed=_speed(transforms),
        resampled=any(name == "Resample" for name, _ in transforms),
        transformed=bool(transforms),
    )


def _source(source: object) -> dict[str, Any]:
    values = _object(source, "a source")
    _string(values, "type")
    _list(values.get("channels"), "channels")
    if "source" not in values:
        raise NotACutError("no 'source'")
    return values


def _transform(transform: object) -> tuple[str, dict[str, Any]]:
    values = _object(transform, "a transform")
    name, kwargs = _string(values, "name"), _object(values.get("kwargs"), "the arguments of a transform")
    for key in TRANSFORMS.get(name, ()):
        _number(kwargs, key)
    return name, kwargs


def _speed(transforms: list[tuple[str, dict[str, Any]]]) -> float | None:
    if not {name for name, _ in transforms} <= set(TRANSFORMS):
        return None
    speed = math.prod(_number(kwargs, "factor") for name, kwargs in transforms if name in SHORTENING)
    return speed if speed > 0 else None


def _features(features: dict[str, Any]) -> Stored:
    path, key = _string(features, "storage_path"), features.get("storage_key")
    if features.get("storage_type") == "lilcom_url":
        return Stored(None)
    end = 0
    if features.get("storage_type") == "lilcom_chunky" and isinstance(key, str):
        # Where the first chunk begins, then the length of each.
        numbers = key.split(",")
        end = sum(map(int, numbers)) if all(number.isdecimal() for number in numbers) else 0
    if features.get("storage_type") == "lilcom_files":
        path = str(Path(path) / str(key))
    return Stored(path, end)


def _given(values: dict[str, Any]) -> Stored | None:
    matrix = _object(values.get("custom") or {}, "custom").get("matrix")
    if matrix is None:
        return None
    return Stored(_string(_object(matrix, "custom.matrix"), "path"), matrix=matrix)


def _object(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NotACutError(f"{what} is no object")
    return value


def _list(value: object, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise NotACutError(f"{what} is no list")
    return value


def _string(values: dict[str, Any], key: str) -> str:
    value = values.get(key)
    if not isinstance(value, str) or not value:
        raise NotACutError(f"no '{key}'")
    return value


def _number(values: dict[str, Any], key: str) -> float:
    value = values.get(key)
    # JSON as Python reads it may hold NaN and Infinity.
    if isinstance(value, bool) or not isinstance(value, int | float) or not -LARGEST < value < LARGEST:
        raise NotACutError(f"no number '{key}'")
    return float(value)


def _whole(values: dict[str, Any], key: str) -> int:
    value = values.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not -LARGEST < value < LARGEST:
        raise NotACutError(f"no whole number '{key}'")
    return value
