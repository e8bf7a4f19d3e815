"""A cut whose description is wrong, described anew: times and rates of its file, one supervision, a tidy text."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

from pyspeech.data.audio_files import DURATION_TOLERANCE
from pyspeech.data.audio_reading import Header
from pyspeech.entries import DIGITS, MIXED
from pyspeech.validation.audio import covers
from pyspeech.validation.faults import Finding
from pyspeech.validation.text import tidy

Cut = dict[str, Any]
# What a file may lack of a cut that keeps its text, the larger of both; with more, words are gone.
LOST_SECONDS = 0.5
LOST_SHARE = 0.1


def mended(cut: Cut, headers: Mapping[str, Header | Finding], tidied: Callable[[str], str] = tidy) -> list[Cut]:
    """Return the cuts that ``cut`` should have been, with ``tidied`` texts; those that cannot be stay at fault."""
    cut = copy.deepcopy(cut)
    if cut.get("type") == MIXED:  # of whose parts each has its own times
        cuts = [cut]
    else:
        _take_the_files(cut, headers)
        cuts = _one_for_each_supervision(cut)
    for each in cuts:
        for supervision in _supervisions(each):
            if isinstance(supervision.get("text"), str):
                supervision["text"] = tidied(supervision["text"])
    return cuts


def _supervisions(cut: Cut) -> list[Any]:
    parts = [track["cut"] for track in cut["tracks"]] if cut.get("type") == MIXED else [cut]
    return [supervision for part in parts for supervision in part.get("supervisions", [])]


def _take_the_files(cut: Cut, headers: Mapping[str, Header | Finding]) -> None:
    """Correct what the manifest says of a recording; features that were made by it are beyond that."""
    recording = cut.get("recording")
    if recording is None or recording.get("transforms") or cut.get("features") or len(recording["sources"]) != 1:
        return
    header = headers.get(str(recording["sources"][0].get("source")))
    if not isinstance(header, Header):
        return
    was_whole = not cut["start"] and abs(cut["duration"] - recording["duration"]) <= DURATION_TOLERANCE
    if abs(recording["duration"] - header.duration) > DURATION_TOLERANCE or _counted_otherwise(
        recording, header.sampling_rate, header.num_samples
    ):
        recording.update(
            sampling_rate=header.sampling_rate,
            num_samples=header.num_samples,
            duration=round(header.duration, DIGITS),
        )
    left = header.duration - cut["start"]
    lost = cut["duration"] - left
    too_long = DURATION_TOLERANCE < lost <= max(LOST_SECONDS, LOST_SHARE * cut["duration"])
    if too_long or (was_whole and -lost > DURATION_TOLERANCE):
        _set_duration(cut, round(left, DIGITS))


def _counted_otherwise(recording: dict[str, Any], sampling_rate: int, num_samples: int) -> bool:
    rate, count = recording["sampling_rate"], recording["num_samples"]
    return bool(rate != sampling_rate or abs(count - num_samples) > DURATION_TOLERANCE * sampling_rate)


def _set_duration(cut: Cut, duration: float) -> None:
    supervisions = cut["supervisions"]
    whole = len(supervisions) == 1 and abs(supervisions[0]["duration"] - cut["duration"]) <= DURATION_TOLERANCE
    cut["duration"] = duration
    if whole:
        supervisions[0]["duration"] = duration


def _one_for_each_supervision(cut: Cut) -> list[Cut]:
    """Cut out each of several supervisions, by its times within the cut; one that is all of the cut stays in it."""
    supervisions = cut["supervisions"]
    if len(supervisions) == 1:
        start = supervisions[0]["start"]
        if covers((start, start + supervisions[0]["duration"]), cut["duration"]):
            return [cut]
        return [{**_cut_out(cut, supervisions[0]), "id": cut["id"]}]
    return [_cut_out(cut, supervision) for supervision in supervisions] or [cut]


def _cut_out(cut: Cut, supervision: dict[str, Any]) -> Cut:
    start, end = supervision["start"], supervision["start"] + supervision["duration"]
    inside = start >= -DURATION_TOLERANCE and end <= cut["duration"] + DURATION_TOLERANCE
    if cut.get("features") and not inside:
        return cut  # there are no features of that part
    if inside:
        start, end = max(start, 0.0), min(end, cut["duration"])
    part = copy.deepcopy({**cut, "supervisions": [supervision]})
    part.update(id=supervision["id"], start=round(cut["start"] + start, DIGITS), duration=round(end - start, DIGITS))
    part["supervisions"][0].update(start=0.0, duration=part["duration"])
    return part
