"""What shows only between utterances: doubles, the sides of a split, mixed rates and capitals, labels."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence

from pyspeech.entries import Entry
from pyspeech.validation.faults import (
    AUDIO_TWICE,
    DUPLICATE_ID,
    LONE_LABEL,
    LOW_RATE,
    MIXED_CASE,
    MIXED_RATES,
    SAME_AUDIO,
    SAME_SPEAKER,
    SAME_TEXT,
    UNSEEN_LABEL,
    Finding,
    Kind,
)
from pyspeech.validation.outliers import letters

Found = Iterator[tuple[Entry, Finding]]
SHARED_WORDS = 4  # texts of fewer ("yes", "thank you both") come again by nature
SHARED_LETTERS = 20.0  # as many as four words have, in scripts without spaces
CASED_LETTERS = 4  # fewer may be capitals by chance: "I", "OK"
LABEL_SHARE = 0.5  # distinct texts among utterances, at most, for texts to be labels


def check_between(entries: Sequence[Entry], model_rate: int | None) -> Found:
    """Find what is wrong between the utterances of all manifests; ``model_rate`` in Hz."""
    yield from _same_ids(entries)
    yield from _twice(entries)
    yield from _shared(entries, _long_text, SAME_TEXT)
    if len({entry.speaker for entry in entries}) > 1:  # a corpus of one reader cannot do otherwise
        yield from _shared(entries, lambda entry: entry.speaker or None, SAME_SPEAKER)
    yield from _shared(entries, _stretch, SAME_AUDIO)
    yield from _rates(entries, model_rate)
    yield from _capitals(entries)
    yield from _labels(entries)


def _same_ids(entries: Sequence[Entry]) -> Found:
    seen: set[tuple[int, str]] = set()
    for entry in entries:
        if (entry.manifest, entry.id) in seen:
            yield entry, Finding(DUPLICATE_ID)
        seen.add((entry.manifest, entry.id))


def _twice(entries: Sequence[Entry]) -> Found:
    first: dict[Hashable, Entry] = {}
    for entry in entries:
        stretch = _stretch(entry)
        if stretch is None:
            continue
        other = first.setdefault((entry.manifest, stretch), entry)
        # Under the same id it is a double, which is named as one.
        if other is not entry and other.id != entry.id:
            yield entry, Finding(AUDIO_TWICE, f"as {other.id}")


def _shared(entries: Sequence[Entry], key: Callable[[Entry], Hashable | None], kind: Kind) -> Found:
    """Find utterances whose key an earlier manifest holds too."""
    first: dict[Hashable, Entry] = {}
    for entry in entries:
        value = key(entry)
        if value is None:
            continue
        other = first.setdefault(value, entry)
        if other.manifest != entry.manifest:
            yield entry, Finding(kind, f"as {other.id}")


def _long_text(entry: Entry) -> str | None:
    words = (entry.text or "").upper().split()
    text = " ".join(words)
    unspaced = len(words) == 1 and not text.isascii() and letters(text) >= SHARED_LETTERS
    return text if unspaced or len(words) >= SHARED_WORDS else None


def _stretch(entry: Entry) -> Hashable | None:
    if entry.audio is None or entry.audio.path is None:
        return None
    return entry.audio.path, entry.channel, entry.audio.speed, round(entry.start, 2), round(entry.duration, 2)


def _rates(entries: Sequence[Entry], model_rate: int | None) -> Found:
    rates = Counter(entry.audio.sampling_rate for entry in entries if entry.audio is not None)
    usual = max(rates, key=lambda rate: (rates[rate], rate), default=0)
    for entry in entries:
        if entry.audio is None:
            continue
        rate = entry.audio.sampling_rate
        if rate != usual:
            yield entry, Finding(MIXED_RATES, f"{rate}, most {usual} Hz")
        if model_rate is not None and rate < model_rate:
            yield entry, Finding(LOW_RATE, f"{rate} of {model_rate} Hz")


def _capitals(entries: Sequence[Entry]) -> Found:
    capitals: list[Entry] = []
    others: list[Entry] = []
    for entry in entries:
        text = entry.text or ""
        if sum(letter.isupper() or letter.islower() for letter in text) >= CASED_LETTERS:
            (capitals if text.isupper() else others).append(entry)
    if capitals and others:
        for entry in min(capitals, others, key=len):
            yield entry, Finding(MIXED_CASE)


def _labels(entries: Sequence[Entry]) -> Found:
    """Find labels without company, where the texts are labels, or the speakers for want of any text."""
    label = _labelled_by(entries)
    if label is None or not entries:
        return
    trained = [entry for entry in entries if entry.manifest == entries[0].manifest and entry.original]
    counts = Counter(map(label, trained))
    for entry in trained:
        if counts[label(entry)] == 1 and label(entry):
            yield entry, Finding(LONE_LABEL, label(entry))
    if any(entry.text for entry in entries):  # the speakers to verify are others than those of training
        for entry in entries:
            if label(entry) not in counts and label(entry):
                yield entry, Finding(UNSEEN_LABEL, label(entry))


def _labelled_by(entries: Sequence[Entry]) -> Callable[[Entry], str] | None:
    texts = [entry.text for entry in entries if entry.text]
    if not texts:
        return lambda entry: entry.speaker
    few = len(set(texts)) <= LABEL_SHARE * len(texts)
    return (lambda entry: entry.text or "") if few and all(len(text.split()) == 1 for text in texts) else None
