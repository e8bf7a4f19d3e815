"""What a manifest holds, counted in one pass over its lines; entries that training would refuse are counted too."""

import math
from array import array
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pyspeech.entries import NotACutError, as_one
from pyspeech.errors import UserError
from pyspeech.speeds import speed_of
from pyspeech.transcripts import Manifest, entries_of, manifest_name

Floats = npt.NDArray[np.float64]
LONGEST_SECONDS = 1e9  # thirty years: no duration, and sums of such overflow
MOST_LABELS = 1000  # different texts, from which on they are sentences


@dataclass
class Tally:
    """Counts over utterances; the arrays have one value for each.

    Attributes:
        seconds: Durations of the cuts.
        words_each: Words in each.
        characters_each: Characters in each, but for spaces.
        words: How often each word comes.
        characters: How often each character comes, but for spaces.
        first_with: Character -> id of the first cut with it.
        texts: How often each text comes; empty once there are more than ``MOST_LABELS`` different ones.
        many_texts: Whether there are more.
        speakers: Speaker -> seconds of its supervisions; "" stands for those that name none.
        sampling_rates: Samples per second -> utterances; 0 stands for those that do not tell.
        without_supervision: Utterances with none.
        several_supervisions: Utterances with more than one.
        without_words: Utterances in which nothing is said.
        words_without_speaker: Utterances with words that nobody is named for.
    """

    seconds: "array[float]" = field(default_factory=lambda: array("d"))
    words_each: "array[int]" = field(default_factory=lambda: array("l"))
    characters_each: "array[int]" = field(default_factory=lambda: array("l"))
    words: Counter[str] = field(default_factory=Counter)
    characters: Counter[str] = field(default_factory=Counter)
    first_with: dict[str, str] = field(default_factory=dict)
    texts: Counter[str] = field(default_factory=Counter)
    many_texts: bool = False
    speakers: dict[str, float] = field(default_factory=dict)
    sampling_rates: Counter[int] = field(default_factory=Counter)
    without_supervision: int = 0
    several_supervisions: int = 0
    without_words: int = 0
    words_without_speaker: int = 0

    def add(self, cut: dict[str, Any], seconds: float) -> None:
        """Count one cut of this duration."""
        supervisions = [each for each in _list(cut.get("supervisions")) if isinstance(each, dict)]
        text = " ".join(each["text"] for each in supervisions if isinstance(each.get("text"), str))
        words = text.split()
        letters = text.replace(" ", "")
        self.seconds.append(seconds)
        self.words_each.append(len(words))
        self.characters_each.append(len(letters))
        self.words.update(words)
        self.characters.update(letters)
        for new in set(letters).difference(self.first_with):
            self.first_with[new] = str(cut.get("id"))
        self._add_text(" ".join(words))
        self.sampling_rates[_sampling_rate(cut)] += 1
        self.without_supervision += not supervisions
        self.several_supervisions += len(supervisions) > 1
        self.without_words += not words
        self.words_without_speaker += bool(words) and not any(each.get("speaker") for each in supervisions)
        for each in supervisions:
            speaker = str(each.get("speaker") or "")
            spoken = min(_seconds(each) or seconds, seconds)
            self.speakers[speaker] = self.speakers.get(speaker, 0.0) + spoken

    def _add_text(self, text: str) -> None:
        if not self.many_texts:
            self.texts[text] += 1
            if len(self.texts) > MOST_LABELS:
                self.many_texts = True
                self.texts.clear()


@dataclass(frozen=True)
class Description:
    """A manifest, counted.

    Args:
        manifest: Its path.
        tally: The counts. Of utterances that are stored at several speeds those at one: 1 if it is among them.
        speeds: Speed -> utterances stored at it, in their order; one entry in a manifest without copies.
        speed: The one that ``tally`` counts; 0 where each utterance has some speed, and all are counted.
        stored_hours: Of all entries, at all speeds.
        without_duration: Entries that ``tally`` leaves out for want of a duration above 0.
    """

    manifest: Path
    tally: Tally
    speeds: dict[float, int]
    speed: float
    stored_hours: float
    without_duration: int

    @property
    def seconds(self) -> Floats:
        """Durations, [N]."""
        return np.frombuffer(self.tally.seconds, dtype=np.float64)

    @property
    def words_per_second(self) -> Floats:
        """Of utterances with words."""
        return self._rates(self.tally.words_each)

    @property
    def characters_per_second(self) -> Floats:
        """Of utterances with words; spaces do not count."""
        return self._rates(self.tally.characters_each)

    def _rates(self, counts: "array[int]") -> Floats:
        spoken = np.asarray(self.tally.words_each) > 0
        rates: Floats = np.asarray(counts)[spoken] / self.seconds[spoken]
        return rates


def describe_manifest(given: Manifest) -> Description:
    """Read a manifest of cuts through, one at a time; cuts that are no file are called "cuts".

    Stored features hold every utterance at several speeds, which would multiply hours and words: one speed counts.

    Raises:
        UserError: no such manifest, a damaged one, or none of its entries has a duration.
    """
    path = given if isinstance(given, Path) else Path("cuts.jsonl")
    manifest_name(path)  # which refuses others
    tallies, without_duration = _count(given, apart=True)
    if not tallies:
        contents = f"{without_duration} entries without a duration" if without_duration else "no entry"
        raise UserError(f"{path} holds {contents}; expected a manifest of lhotse cuts, one a line")
    speeds = {speed: len(tally.seconds) for speed, tally in tallies.items()}
    hours = sum(math.fsum(tally.seconds) for tally in tallies.values()) / 3600
    if len(set(speeds.values())) == 1:
        speed = 1.0 if 1.0 in speeds else next(iter(speeds))
    else:  # no copies: utterances that differ in speed
        speed = 0.0
        tallies, without_duration = _count(given, apart=False)
    return Description(path, tallies[speed], speeds, speed, hours, without_duration)


def _count(manifest: Manifest, apart: bool) -> tuple[dict[float, Tally], int]:
    """Tallies by speed, or one of all under 0; and how many entries have no duration."""
    tallies: defaultdict[float, Tally] = defaultdict(Tally)
    without_duration = 0
    for _, cut in entries_of(manifest):
        one = _one(cut)
        if seconds := _seconds(one):
            tallies[_speed(one) if apart else 0.0].add(one, seconds)
        else:
            without_duration += 1
    return tallies, without_duration


def _one(cut: dict[str, Any]) -> dict[str, Any]:
    try:
        return as_one(cut)
    except NotACutError:
        return {}


def _seconds(values: dict[str, Any]) -> float | None:
    duration = values.get("duration")
    return float(duration) if isinstance(duration, int | float) and 0 < duration < LONGEST_SECONDS else None


def _speed(cut: dict[str, Any]) -> float:
    try:
        return speed_of(cut)
    except (AttributeError, KeyError, TypeError, ValueError):  # transforms in no form that lhotse writes
        return 1.0


def _sampling_rate(cut: dict[str, Any]) -> int:
    # Features that came without their recording still tell the rate.
    for source in (cut.get("recording"), cut.get("features")):
        if isinstance(source, dict) and isinstance(rate := source.get("sampling_rate"), int):
            return rate
    return 0


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
