"""What is held out of a corpus that lacks dev or test, by what the corpus is for."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

from pyspeech.corpora.sources.reading import Entry, with_ids, without_silent
from pyspeech.corpora.splits import DEV, TEST, TRAIN, divide, in_order, kind_of, names_for
from pyspeech.errors import UserError

Task = Literal["recognition", "classification", "verification"]
MANY = 10


def placed(entries: Sequence[Entry], task: Task, wanted: Sequence[str] = (DEV, TEST)) -> list[Entry]:
    """The entries that say something, each with an id and, as :func:`divided` gives it, a split.

    Raises:
        UserError: two have one id, or as :func:`divided`.
    """
    return divided(with_ids(without_silent(entries)), task, wanted)


def divided(entries: Sequence[Entry], task: Task, wanted: Sequence[str] = (DEV, TEST)) -> list[Entry]:
    """Return the entries, each with a split: those without one train, and what is ``wanted`` is held out of train.

    Where no split is called train, the only one of such a name is (``train-clean``); so with dev. Nothing moves for a
    wanted split that the corpus has itself (``test-clean`` is a test). Ids must be unique.

    recognition: by speaker where ten are known; else by text, so that no sentence is in two splits; where there are
    fewer than ten texts, or each is said ten times and more, as for classification.
    classification: by speaker where ten are known; else by utterance, from every label.
    verification: by speaker; dev and test get two at least, of two utterances and more, as their trials need.

    Raises:
        UserError: there is no train split, several that may be train or dev, too little to hold anything out, or a
            speaker whom verification meets in two splits.
    """
    entries = _called([_moved(entry, entry.split or TRAIN) for entry in entries])
    names = in_order(entry.split for entry in entries)
    if TRAIN not in names:
        raise UserError(f"no split is called train, only {', '.join(names)}; name the split to train on 'train'")
    missing = [split for split in wanted if split not in {kind_of(name) for name in names}]
    if task == "verification":
        _refuse_shared_speakers(entries)
    if not missing:
        return entries
    splits = HOLD_OUT[task]([entry for entry in entries if entry.split == TRAIN], missing)
    return [_moved(entry, splits.get(entry.id, entry.split)) for entry in entries]


def _by_speaker_or_text(train: Sequence[Entry], missing: Sequence[str]) -> dict[str, str]:
    texts = {entry.text for entry in train if entry.text}
    if _many_speakers(train) or len(texts) < MANY or len(train) >= MANY * len(texts):
        return _by_speaker_or_label(train, missing)
    splits = divide([entry.text or entry.id for entry in train], missing)
    return {entry.id: splits[entry.text or entry.id] for entry in train}


def _by_speaker_or_label(train: Sequence[Entry], missing: Sequence[str]) -> dict[str, str]:
    if _many_speakers(train):
        splits = divide([entry.speaker or entry.id for entry in train], missing)
        return {entry.id: splits[entry.speaker or entry.id] for entry in train}
    labels: dict[str, list[str]] = defaultdict(list)
    for entry in train:
        labels[entry.text].append(entry.id)
    large = [ids for ids in labels.values() if len(ids) > len(missing)]
    return {id_: split for ids in large or [list(_ids(train))] for id_, split in divide(ids, missing).items()}


def _by_speaker(train: Sequence[Entry], missing: Sequence[str]) -> dict[str, str]:
    counts = Counter(entry.speaker for entry in train)
    splits = divide([speaker for speaker, count in counts.items() if speaker and count > 1], missing, at_least=2)
    return {entry.id: splits.get(entry.speaker, TRAIN) for entry in train}


def _refuse_shared_speakers(entries: Sequence[Entry]) -> None:
    splits: dict[str, str] = {}
    for entry in entries:
        if entry.speaker and splits.setdefault(entry.speaker, entry.split) != entry.split:
            raise UserError(
                f"speaker {entry.speaker} is in {splits[entry.speaker]} and in {entry.split}; verification needs "
                "different speakers in each: give the corpus without its splits, and speakers are held out"
            )


def _called(entries: Sequence[Entry]) -> list[Entry]:
    """The entries, with one split each called train and dev, where any is of that kind."""
    names = {entry.split for entry in entries}
    renamed: dict[str, str] = {}
    for kind in (TRAIN, DEV):
        meant = names_for(kind, names)
        if len(meant) > 1:
            raise UserError(f"{', '.join(meant)} may all be the split {kind}; name one of them '{kind}'")
        renamed.update(dict.fromkeys(meant, kind))
    return [_moved(entry, renamed.get(entry.split, entry.split)) for entry in entries]


def _moved(entry: Entry, split: str) -> Entry:
    return entry if entry.split == split else replace(entry, split=split)


def _many_speakers(train: Sequence[Entry]) -> bool:
    return len({entry.speaker for entry in train if entry.speaker}) >= MANY


def _ids(entries: Sequence[Entry]) -> set[str]:
    return {entry.id for entry in entries}


HOLD_OUT: dict[Task, Callable[[Sequence[Entry], Sequence[str]], dict[str, str]]] = {
    "recognition": _by_speaker_or_text,
    "classification": _by_speaker_or_label,
    "verification": _by_speaker,
}
