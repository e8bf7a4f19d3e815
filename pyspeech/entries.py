"""An utterance as its line of a manifest tells it: what every line must have, read without lhotse.

A manifest may come from anywhere, and lhotse does what it says: a source of the type ``command`` runs a shell, so does
a path that begins with ``pipe:``, and others fetch addresses or unpickle. Such a line is refused before lhotse sees it.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspeech.speeds import FASTEST

FILE = "file"
READ_FROM = (FILE, "memory")  # the types of source of lhotse's that read what is there, and do no more
# The same of stores of features and other arrays. Of others, one unpickles, one runs pipes, the rest fetches addresses.
STORED_AS = (
    "lilcom_chunky",
    "lilcom_files",
    "lilcom_hdf5",
    "chunked_lilcom_hdf5",
    "numpy_files",
    "numpy_hdf5",
)
NO_PATH = re.compile(r"pipe:|-$|[A-Za-z][\w+.-]*://")  # what lhotse runs, reads from a terminal, or fetches
PLACE = re.compile(r"[0-9]{1,18}")  # in a file
MIXED = "MixedCut"
SILENCE = "PaddingCut"
RATE = "sampling_rate"
# Hz; what is beyond is damage, and is not resampled in any time or memory.
LOWEST_RATE, HIGHEST_RATE = 100, 1_000_000
DIGITS = 8  # of seconds, as lhotse rounds
LONGEST_SECONDS = 1e6  # of a cut
LARGEST = 1e12  # seconds, samples or hertz; whatever is larger is damage, and overflows
# What each transform of lhotse needs, as far as it is numbers. Two shorten the audio by their factor, and two leave its
# length; of the others, some may change it.
TRANSFORMS: dict[str, tuple[str, ...]] = {
    "Speed": ("factor",),
    "Tempo": ("factor",),
    "Volume": ("factor",),
    "Resample": ("source_sampling_rate", "target_sampling_rate"),
    **dict.fromkeys(("Clipping", "Compress", "DereverbWPE", "LoudnessNormalization", "Narrowband"), ()),
    "ReverbWithImpulseResponse": (),
}
# The fields of each thing that lhotse writes; another stops it.
FIELDS: dict[str, frozenset[str]] = {
    what: frozenset(fields.split())
    for what, fields in {
        "a cut": "type id start duration channel supervisions features recording custom",
        "a mixed cut": "type id tracks transforms",
        "a track": "type cut offset snr tag is_snr_reference mute",
        "silence": "type id duration sampling_rate feat_value num_frames num_features frame_shift num_samples video "
        "custom",
        "a recording": "id sources sampling_rate num_samples duration channel_ids transforms",
        "a source": "type channels source video",
        "a supervision": "id recording_id start duration channel text language speaker gender custom alignment",
        "features": "type num_frames num_features frame_shift sampling_rate start duration storage_type storage_path "
        "storage_key recording_id channels",
    }.items()
}
OF_FEATURES = ("type", "num_frames", "num_features", "sampling_rate", "start", "duration")  # needed beside their place
SHORTENING = ("Speed", "Tempo")
KEEPING = ("Volume", "Resample")


class NotACutError(Exception):
    """The line is no cut that can be read; the message says what it lacks."""


class NotAFileError(NotACutError):
    """The line names something to run or to fetch in place of a file; the message says what."""


@dataclass(frozen=True, slots=True)
class Audio:
    """A recording as the manifest describes it; times are those of the audio as it is played.

    ``channels`` are the names of those of its files, in their order. ``path`` is None where the recording is not one
    file. ``speed`` is the factor by which the file is played faster, None where a transform changes it in another way;
    ``resampled`` tells whether its rate differs from the file's.
    """

    path: str | None
    channels: tuple[int, ...]
    sampling_rate: int
    num_samples: int
    duration: float
    speed: float | None
    resampled: bool
    transformed: bool


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that holds the features of the utterance, and how many bytes it has at least (0: not known).

    ``matrix`` is what the manifest says of features given by others.
    """

    path: str
    end: int = 0
    matrix: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One utterance. ``text`` and the supervision's times are of its one supervision, where it has one.

    ``parts`` are the cuts of recordings that one which is mixed, appended or padded is made of, and empty otherwise.
    """

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
    parts: "tuple[Entry, ...]" = ()

    @property
    def original(self) -> bool:
        """Whether it is no copy at another speed."""
        return self.audio is None or self.audio.speed == 1.0


def read_entry(values: dict[str, Any], manifest: int, line: int) -> Entry:
    """Read the line of a lhotse cut of one channel, which may be mixed, appended or padded.

    Raises:
        NotAFileError: it names something to run or to fetch.
        NotACutError: a field is missing or of another type, or it is a cut of another kind.
    """
    refuse_what_is_no_file(values)
    kind = values.get("type")
    parts: tuple[Entry, ...] = ()
    if kind == MIXED:
        _check_fields(values, "a mixed cut")
        parts = tuple(_parts(values, manifest, line))
        values = as_one(values)
    elif kind not in ("MonoCut", "Cut", "MultiCut"):
        raise NotACutError(f"type {kind!r}, not a cut of audio ('MonoCut')")
    _check_fields(values, "a cut")
    supervisions = _list(values.get("supervisions", []), "supervisions")
    for supervision in supervisions:
        _check_supervision(supervision)
    only = supervisions[0] if len(supervisions) == 1 else {}
    text, speaker = only.get("text"), only.get("speaker")
    start = _number(only, "start") if only else 0.0
    recording, features = values.get("recording"), values.get("features")
    _object(values.get("custom") or {}, "custom")
    return Entry(
        manifest=manifest,
        line=line,
        id=_string(values, "id"),
        start=_number(values, "start"),
        duration=_number(values, "duration"),
        channel=_channel(values),
        supervisions=len(supervisions),
        text=text if isinstance(text, str) else None,
        speaker=speaker if isinstance(speaker, str) else "",
        supervised=(start, start + _number(only, "duration") if only else 0.0),
        audio=None if recording is None else _audio(_object(recording, "recording")),
        stored=_given(values) if features is None else _features(_object(features, "features")),
        parts=parts,
    )


def checked(values: dict[str, Any]) -> Entry:
    """As :func:`read_entry`, of a line that is to be read: times and rates are such that there can be audio.

    Raises:
        NotACutError: they are not, or as :func:`read_entry`.
    """
    entry = read_entry(values, 0, 0)
    for each in (entry, *entry.parts):
        if not 0 < each.duration <= LONGEST_SECONDS:
            raise NotACutError(f"it lasts {each.duration:g} seconds")
        if each.start < 0:
            raise NotACutError(f"it starts at {each.start:g} seconds")
        if each.audio is not None:
            _check_audio(each, each.audio)
    return entry


def _check_audio(entry: Entry, audio: Audio) -> None:
    if not LOWEST_RATE <= audio.sampling_rate <= HIGHEST_RATE:
        raise NotACutError(f"its audio has {audio.sampling_rate} samples a second")
    if entry.channel not in audio.channels and not entry.parts:
        raise NotACutError(f"channel {entry.channel}, its recording has {', '.join(map(str, audio.channels))}")


def refuse_what_is_no_file(line: object) -> None:
    """Refuse whatever a line holds, at any depth, that lhotse would run, fetch or unpickle.

    Raises:
        NotAFileError: naming it.
    """
    waiting = [line]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting += item
        elif isinstance(item, dict):
            waiting += item.values()
            if "storage_type" in item:
                _refuse_other_stores(item)
            if "source" in item and "channels" in item and "type" in item:
                _refuse_other_sources(item)


def _refuse_other_sources(source: dict[str, Any]) -> None:
    kind, path = source["type"], source["source"]
    if kind not in READ_FROM:
        raise NotAFileError(f"a source of the type {kind!r} ({path!r:.60}), not a file")
    if kind == FILE and isinstance(path, str) and NO_PATH.match(path):
        raise NotAFileError(f"the source {path!r:.60}, not a file")


def _refuse_other_stores(stored: dict[str, Any]) -> None:
    kind = stored["storage_type"]
    if kind not in STORED_AS:
        raise NotAFileError(f"an array stored as {kind!r}, not in a file that is read without running anything")
    for key in ("storage_path", "storage_key"):
        if isinstance(stored.get(key), str) and NO_PATH.match(stored[key]):
            raise NotAFileError(f"an array stored at {stored[key]!r:.60}, not in a file")


def as_one(cut: dict[str, Any]) -> dict[str, Any]:
    """The line of a mixed cut as that of one cut of its length, with the supervisions of all; others as they are.

    It has the recording of its first part and no stored features, which are those of the parts.

    Raises:
        NotACutError: a field is missing or of another type.
    """
    if cut.get("type") != MIXED:
        return cut
    duration = 0.0
    supervisions = []
    recording = None
    for part, offset, _ in _tracks(cut):
        duration = max(duration, offset + _number(part, "duration"))
        recording = recording or part.get("recording")
        for each in _list(part.get("supervisions", []), "supervisions"):
            supervision = _object(each, "a supervision")
            supervisions.append({**supervision, "start": round(_number(supervision, "start") + offset, DIGITS)})
    return {
        "id": cut.get("id"),
        "type": MIXED,
        "start": 0.0,
        "duration": round(duration, DIGITS),
        "channel": 0,
        "supervisions": supervisions,
        **({} if recording is None else {"recording": recording}),
    }


def _tracks(cut: Mapping[str, Any]) -> list[tuple[dict[str, Any], float, float | None]]:
    """(line of a cut, seconds from the beginning, decibels above or below the first) of every track of a mixed cut."""
    tracks = [_object(each, "a track") for each in _list(cut.get("tracks"), "tracks")]
    if not tracks:
        raise NotACutError("no 'tracks'")
    for each in tracks:
        _check_fields(each, "a track")
    return [
        (
            _object(each.get("cut"), "a track") | {"type": each.get("type")},
            _number(each, "offset", 0.0),
            None if each.get("snr") is None else _number(each, "snr"),
        )
        for each in tracks
    ]


def _parts(cut: dict[str, Any], manifest: int, line: int) -> Iterator[Entry]:
    """The cuts of recordings in a mixed one."""
    rates: set[int] = set()
    heard = False
    for part, offset, snr in _tracks(cut):
        if offset < 0:
            raise NotACutError(f"a track that begins at {offset:g} seconds")
        if part["type"] == SILENCE:
            _check_fields(part, "silence")
            _string(part, "id")
            _number(part, "feat_value")
            if _number(part, "duration") < 0 or _whole(part, "num_samples") < 0:
                raise NotACutError("silence of negative length")
            rates.add(_whole(part, RATE))
            continue
        if part["type"] == MIXED:
            raise NotACutError("a mixed cut within a mixed one")
        entry = read_entry(part, manifest, line)
        if entry.audio is None or (entry.stored is not None and entry.stored.matrix is not None):
            raise NotACutError("a mix of features; give cuts of audio")
        rates.add(entry.audio.sampling_rate)
        heard = heard or snr is None
        yield entry
    if not heard:
        raise NotACutError("tracks of silence alone")
    if len(rates) > 1:
        raise NotACutError(f"tracks at {' and '.join(map(str, sorted(rates)))} Hz, which cannot be mixed")


def _channel(values: dict[str, Any]) -> int:
    channel = values.get("channel")
    if values["type"] != "MultiCut":
        return _whole(values, "channel")
    channels = channel if isinstance(channel, list) else [channel]
    if len(channels) != 1:
        raise NotACutError(f"{len(channels)} channels (MultiCut), one is read; take one of them (lhotse: to_mono)")
    return _whole({"channel": channels[0]}, "channel")


def _check_supervision(supervision: object) -> None:
    values = _object(supervision, "a supervision")
    _check_fields(values, "a supervision")
    for key in ("id", "recording_id"):
        _string(values, key)
    for key in ("start", "duration"):
        _number(values, key)


def _audio(recording: dict[str, Any]) -> Audio:
    _check_fields(recording, "a recording")
    _string(recording, "id")
    sources = [_source(each) for each in _list(recording.get("sources"), "sources")]
    if not sources:
        raise NotACutError("no 'sources'")
    channels = [channel for source in sources for channel in _channels(source, "channels")]
    if recording.get("channel_ids") is not None:
        named = _channels(recording, "channel_ids")
        channels = [channel for channel in channels if channel in named]
    one_file = len(sources) == 1 and sources[0]["type"] == FILE
    transforms = [_transform(each) for each in _list(recording.get("transforms") or [], "transforms")]
    return Audio(
        path=_string(sources[0], "source") if one_file else None,
        channels=tuple(channels),
        sampling_rate=_whole(recording, RATE),
        num_samples=_whole(recording, "num_samples"),
        duration=_number(recording, "duration"),
        speed=_speed(transforms),
        resampled=any(name == "Resample" for name, _ in transforms),
        transformed=bool(transforms),
    )


def _source(source: object) -> dict[str, Any]:
    values = _object(source, "a source")
    _check_fields(values, "a source")
    _string(values, "type")
    if "source" not in values:
        raise NotACutError("no 'source'")
    return values


def _channels(values: dict[str, Any], key: str) -> list[int]:
    channels = _list(values.get(key), key)
    if not channels or any(type(channel) is not int for channel in channels) or len(set(channels)) < len(channels):
        raise NotACutError(f"no channels by their numbers in '{key}'")
    return channels


def _transform(transform: object) -> tuple[str, dict[str, Any]]:
    values = _object(transform, "a transform")
    name, kwargs = _string(values, "name"), _object(values.get("kwargs"), "the arguments of a transform")
    if name not in TRANSFORMS:
        raise NotACutError(f"a transform '{name}', which lhotse does not know")
    if TRANSFORMS[name] and (others := kwargs.keys() - TRANSFORMS[name]):
        raise NotACutError(f"a transform '{name}' has an argument '{min(others):.60}', which lhotse does not know")
    for key in TRANSFORMS[name]:
        least, most = (LOWEST_RATE, HIGHEST_RATE) if key.endswith(RATE) else (1 / FASTEST, FASTEST)
        number = _number(kwargs, key)
        if name != "Volume" and not least <= number <= most:
            raise NotACutError(f"a transform '{name}' whose '{key}' is {kwargs[key]}")
    return name, kwargs


def _speed(transforms: list[tuple[str, dict[str, Any]]]) -> float | None:
    if not {name for name, _ in transforms} <= {*SHORTENING, *KEEPING}:
        return None
    return math.prod(_number(kwargs, "factor") for name, kwargs in transforms if name in SHORTENING)


def _features(features: dict[str, Any]) -> Stored:
    _check_fields(features, "features")
    if lacking := [key for key in OF_FEATURES if key not in features]:
        raise NotACutError(f"features without '{lacking[0]}'")
    path, key = _string(features, "storage_path"), features.get("storage_key")
    end = end_of_stored(key) if features.get("storage_type") == "lilcom_chunky" else 0
    if features.get("storage_type") == "lilcom_files":
        path = str(Path(path) / str(key))
    return Stored(path, end)


def end_of_stored(key: object) -> int:
    """Return the byte at which features end that are stored at ``key`` in chunks; 0 where it says nothing."""
    # Where the first chunk begins, then the length of each.
    numbers = key.split(",") if isinstance(key, str) else [""]
    return sum(map(int, numbers)) if all(map(PLACE.fullmatch, numbers)) else 0


def _given(values: dict[str, Any]) -> Stored | None:
    matrix = _object(values.get("custom") or {}, "custom").get("matrix")
    if matrix is None:
        return None
    return Stored(_string(_object(matrix, "custom.matrix"), "path"), matrix=matrix)


def _check_fields(values: Mapping[str, Any], what: str) -> None:
    for key in values:
        if key not in FIELDS[what]:
            raise NotACutError(f"{what} has a field '{key:.60}', which lhotse does not know")


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


def _number(values: Mapping[str, Any], key: str, otherwise: float | None = None) -> float:
    value = values.get(key, otherwise)
    # JSON as Python reads it may hold NaN and Infinity.
    if isinstance(value, bool) or not isinstance(value, int | float) or not -LARGEST < value < LARGEST:
        raise NotACutError(f"no number '{key}'")
    return float(value)


def _whole(values: dict[str, Any], key: str) -> int:
    value = values.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not -LARGEST < value < LARGEST:
        raise NotACutError(f"no whole number '{key}'")
    return value
