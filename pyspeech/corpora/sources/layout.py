"""What descriptions made for other toolkits leave open: which part is which split, where their paths begin."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from lhotse import MonoCut, Recording, SupervisionSegment

from pyspeech.corpora.sources.dividing import Task, divided
from pyspeech.corpora.sources.reading import Entry, on_disk
from pyspeech.corpora.splits import DEV, KINDS, TEST, TRAIN, in_order, kind_of, names_for, split_name
from pyspeech.errors import UserError

OVERSHOOT_SECONDS = 0.5  # that an utterance may end after its recording, as Kaldi bears with (extract-segments)
PARENTS = 3  # folders above a description that its relative paths may begin at


class Spoken(Protocol):
    """What decides which split an utterance is in, where the corpus does not say."""

    @property
    def id(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def speaker(self) -> str: ...


AnySpoken = TypeVar("AnySpoken", bound=Spoken)


def named_splits(names: Collection[str]) -> dict[str, str]:
    """Say which of ``names`` is which split: ``{"train": "train_si284", "test": "eval"}``.

    A name counts that is a usual one of the split, else one that begins with such a one; others are left alone. Of
    several tests, each is one: ``test_clean`` is ``test-clean``. A single name is train, whatever it is.

    Raises:
        UserError: no training split, several names for one split, or one that no split can have.
    """
    if len(names) == 1:
        return {TRAIN: next(iter(names))}
    splits: dict[str, str] = {}
    for kind in KINDS:
        meant = names_for(kind, names)
        tests = {split_name(name): name for name in meant} if kind == TEST else {}
        if len(meant) == 1:
            splits[kind] = meant[0]
        elif len(tests) == len(meant):
            splits.update(tests)
        else:
            raise UserError(f"{', '.join(meant)} may all be the split {kind}; link the one that is meant as '{kind}'")
    if TRAIN not in splits:
        raise UserError(
            f"no split is called train, only {', '.join(sorted(names))}; link the one to train on as 'train'"
        )
    return splits


def all_splits(given: Collection[str]) -> tuple[str, ...]:
    """The splits ``given``, and dev and test where they have to be held out of train; train first."""
    return in_order([*given, *_missing(given)])


def members(train: Sequence[AnySpoken], split: str, given: Collection[str], task: Task) -> list[AnySpoken]:
    """Utterances of ``split`` among those of train, of which the splits are held out that were not ``given``.

    Without texts the task is verification.
    """
    if not any(spoken.text for spoken in train):
        task = "verification"
    entries = [Entry(Path(), spoken.text, spoken.speaker, spoken.id, TRAIN) for spoken in train]
    placed = divided(entries, task, _missing(given))
    return [spoken for spoken, entry in zip(train, placed, strict=True) if entry.split == split]


def locate(path: str, folder: Path) -> Path:
    """Where a path in a description in ``folder`` leads: from there, or from a folder above, as where Kaldi ran."""
    folder = folder.absolute()
    return on_disk(path, folder, *folder.parents[:PARENTS])


def cut_of(recording: Recording, spoken: Spoken, channel: int, start: float, seconds: float | None) -> MonoCut:
    """The cut of an utterance within a recording; None as ``seconds`` lasts to its end, as does half a second more.

    Raises:
        UserError: it begins or ends after the end.
    """
    left = round(recording.duration - start, 8)
    wanted = left if seconds is None else seconds
    if left <= 0 or wanted <= 0 or wanted > left + OVERSHOOT_SECONDS:
        raise UserError(
            f"utterance '{spoken.id}' is {start} to {start + wanted:.3f} seconds of recording '{recording.id}', "
            f"which holds {recording.duration:.3f}; mend its times"
        )
    seconds = min(wanted, left)
    supervision = SupervisionSegment(
        spoken.id, recording.id, 0.0, seconds, channel, text=spoken.text, speaker=spoken.speaker
    )
    return MonoCut(spoken.id, start, seconds, channel, [supervision], recording=recording)


def _missing(given: Collection[str]) -> list[str]:
    kinds = {kind_of(split) for split in given}
    return [split for split in (DEV, TEST) if split not in kinds]
