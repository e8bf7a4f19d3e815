"""Descriptions of manifests side by side, as figures by name."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pyspeech.corpora.description.tally import Description, Floats
from pyspeech.transcripts import manifest_name

UTTERANCES_PER_LABEL, WORDS_PER_LABEL = 5, 3  # texts that come so often on average, and are so short, are labels
NO_LABEL = "(none)"  # stands for an empty text
MOST_BINS, OPEN_BIN_PERCENT = 15, 0.5  # of the histogram; the longest utterances share one open bin


def column_names(descriptions: Sequence[Description]) -> list[str]:
    """``train`` for ``data/train.jsonl.gz``; the whole path where two would be called the same."""
    stems = [manifest_name(each.manifest) for each in descriptions]
    return stems if len(set(stems)) == len(stems) else [str(each.manifest) for each in descriptions]


def description_values(descriptions: Sequence[Description]) -> dict[str, Any]:
    """Return every figure by name, ready for JSON, a table for each manifest; the first is the one that trains."""
    bins, counts = duration_histogram([each.seconds for each in descriptions])
    labels = are_labels(descriptions)
    return {
        name: {
            **_values(each, None if each is descriptions[0] else descriptions[0]),
            "labels": _table(each.tally.texts) if labels else None,
            "histogram": [
                {"from_seconds": start, "to_seconds": end, "utterances": number}
                for (start, end), number in zip(bins, counted, strict=True)
            ],
        }
        for name, each, counted in zip(column_names(descriptions), descriptions, counts, strict=True)
    }


def are_labels(descriptions: Sequence[Description]) -> bool:
    """Whether the texts are few and short, each said many times, as in a corpus for classification."""
    texts = {text for each in descriptions for text in each.tally.texts}
    if texts == {""} or any(
        each.tally.many_texts or max(each.tally.words_each) > WORDS_PER_LABEL for each in descriptions
    ):
        return False
    return UTTERANCES_PER_LABEL * len(texts) <= sum(len(each.seconds) for each in descriptions)


def duration_histogram(seconds: Sequence[Floats]) -> tuple[list[tuple[float, float | None]], list[list[int]]]:
    """Return bins in seconds, from and up to, and how many of the durations of each manifest are in each bin.

    The last bin may be open, which ``None`` says.
    """
    limit = max(float(np.percentile(each, 100 - OPEN_BIN_PERCENT)) for each in seconds)
    width = _bin_width(limit)
    count = math.floor(limit / width) + 1
    counts = [np.bincount((each / width).clip(max=count).astype(int), minlength=count + 1) for each in seconds]
    bins: list[tuple[float, float | None]] = [(round(n * width, 3), round((n + 1) * width, 3)) for n in range(count)]
    if any(each[count] for each in counts):
        bins.append((round(count * width, 3), None))
    return bins, [each[: len(bins)].tolist() for each in counts]


def in_order(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """The most frequent first, equally frequent ones by their letters."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def printable(text: str) -> str:
    """``text`` with ``U+0007`` in place of what no terminal shows, and of halves of characters that no file holds."""
    return "".join(each if each.isprintable() else f"U+{ord(each):04X}" for each in text)


def _values(description: Description, first: Description | None) -> dict[str, Any]:
    tally, training = description.tally, None if first is None else first.tally
    return {
        "manifest": str(description.manifest),
        "utterances": len(description.seconds),
        "hours": round(math.fsum(description.seconds) / 3600, 4),
        "seconds": _spread(description.seconds),
        "speakers": _speaker_values(tally.speakers, training.speakers if training else None),
        "words": _word_values(tally.words, training.words if training else None),
        "words_per_second": _spread(description.words_per_second),
        "characters": {
            "running": tally.characters.total(),
            "distinct": len(tally.characters),
            "counts": _table(tally.characters),
        },
        "characters_per_second": _spread(description.characters_per_second),
        "sampling_rates_hz": {str(rate or "unknown"): count for rate, count in tally.sampling_rates.most_common()},
        "entries_without_duration": description.without_duration,
        "without_supervision": tally.without_supervision,
        "several_supervisions": tally.several_supervisions,
        "without_words": tally.without_words,
        "words_without_speaker": tally.words_without_speaker,
        "stored_speeds": {str(speed): count for speed, count in description.speeds.items()},
        "described_speed": description.speed or None,
        "stored_hours": round(description.stored_hours, 4),
    }


def _speaker_values(seconds: Mapping[str, float], first: Mapping[str, float] | None) -> dict[str, Any]:
    minutes = np.array([each / 60 for speaker, each in seconds.items() if speaker])
    shared = None if first is None else len((set(seconds) & set(first)) - {""})
    return {"count": len(minutes), "shared_with_first": shared, "minutes": _spread(minutes)}


def _word_values(words: Mapping[str, int], first: Mapping[str, int] | None) -> dict[str, Any]:
    values = {"running": sum(words.values()), "distinct": len(words), "once": sum(n == 1 for n in words.values())}
    if first is None or not words:
        return {**values, "unseen_percent": None, "unseen_distinct_percent": None}
    unseen = [count for word, count in words.items() if word not in first]
    return {
        **values,
        "unseen_percent": round(100 * sum(unseen) / values["running"], 2),
        "unseen_distinct_percent": round(100 * len(unseen) / len(words), 2),
    }


def _spread(values: Floats) -> dict[str, float | None]:
    names = {"least": 0, "5_percent": 5, "median": 50, "95_percent": 95, "most": 100}
    return {name: round(float(np.percentile(values, at)), 3) if len(values) else None for name, at in names.items()}


def _table(counts: Mapping[str, int]) -> dict[str, int]:
    return {printable(each): count for each, count in in_order(counts)}


def _bin_width(limit: float) -> float:
    """The narrowest of 0.1, 0.2, 0.5, 1, 2, 5, … s with which ``MOST_BINS`` bins hold ``limit``."""
    width, factors = 0.1, (2.0, 2.5, 2.0)
    turn = 0
    while limit / width > MOST_BINS:
        width = round(width * factors[turn % 3], 3)
        turn += 1
    return width
