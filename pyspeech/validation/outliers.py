"""Utterances that are too fast or too slow for speech, or far from all others in length or pace."""

import math
import statistics
import unicodedata
from collections.abc import Iterator, Sequence

from pyspeech.entries import Entry
from pyspeech.validation.faults import ODD_DURATION, ODD_PACE, TOO_FAST, TOO_SLOW, Finding, Kind

# Fast talkers reach about 8 syllables in a second; a syllable takes about 3 letters, or one character where a
# character is a syllable.
LETTERS_PER_SECOND = 25.0
LETTERS_PER_WIDE = 3.0
LETTERS_FREE = 5.0  # a single word may be cut out closer than that
SLOW_SECONDS = 10.0  # shorter ones may hold one word with silence around it
SLOW_LETTERS_PER_SECOND = 1.0
ENOUGH = 30  # utterances for a median to say what is usual
FAR = 6.0  # deviations from the median
LEAST_DEVIATION = 0.15  # of a logarithm: within a factor of 2.5 nothing is far


def check_outliers(entries: Sequence[Entry]) -> Iterator[tuple[Entry, Finding]]:
    """Find outliers in duration and in letters per second, over all manifests together."""
    timed = [entry for entry in entries if entry.duration > 0]
    spoken = [(entry, letters(entry.text) / entry.duration) for entry in timed if entry.text]
    for entry, pace in spoken:
        if pace * entry.duration > LETTERS_PER_SECOND * entry.duration + LETTERS_FREE:
            yield entry, Finding(TOO_FAST, f"{pace:.0f} letters/s")
        elif entry.duration > SLOW_SECONDS and pace < SLOW_LETTERS_PER_SECOND:
            yield entry, Finding(TOO_SLOW, f"{pace:.1f} letters/s")
    yield from _far([(entry, entry.duration) for entry in timed], ODD_DURATION, "{:.2f} s")
    yield from _far([(entry, pace) for entry, pace in spoken if pace], ODD_PACE, "{:.1f} letters/s")


def letters(text: str | None) -> float:
    """Letters and digits of ``text``, where a character of Chinese, Japanese or Korean counts as a syllable."""
    if not text:
        return 0.0
    if text.isascii():
        return float(len(text) - text.count(" "))
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    narrow = sum(character.isalnum() for character in text) - wide
    return LETTERS_PER_WIDE * wide + max(narrow, 0)


def _far(values: Sequence[tuple[Entry, float]], kind: Kind, form: str) -> Iterator[tuple[Entry, Finding]]:
    if len(values) < ENOUGH:
        return
    logs = [math.log(value) for _, value in values]
    median = statistics.median(logs)
    # 1.4826 times the median deviation is the standard deviation of normal values, and outliers do not move it.
    deviation = max(1.4826 * statistics.median(abs(log - median) for log in logs), LEAST_DEVIATION)
    for (entry, value), log in zip(values, logs, strict=True):
        if abs(log - median) > FAR * deviation:
            yield entry, Finding(kind, form.format(value) + f", median {form.format(math.exp(median))}")
