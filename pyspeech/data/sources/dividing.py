"""What is held out of a corpus that lacks dev or test, by what the corpus is for."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import click

from pyspeech.data.sources.reading import Entry
from pyspeech.data.splits import DEV, TEST, TRAIN, divide, in_order, kind_of, names_for
from pyspeech.errors import UserError

Task = Literal["recognition", "classification", "verification"]
MANY = 10


def divided(entries: Sequence[Entry], task: Task, wanted: Sequence[str] = (DEV, TEST)) -> list[Entry]:
    """Return the entries, each with a split: those without one train, and what is ``wanted`` is held out of train.

    Where no split is called train, the only one of such a name is (``train-clean``); so with dev. Nothing moves for a
    wanted split that the corpus has itself (``test-clean`` is a test). Ids must be unique.

    recognition: by speaker where ten are known; else by text, so that no sentence is in two splits; where there are
    fewer than ten texts, or each is said ten times and more, as for classification.
    classification: by speaker where ten are known; else by utterance, from every label.
    verification: test speakers are unseen by train; dev are utterances of speakers that train. A dev of others is left
    out, told of on stderr, and another held out of train.

    Raises:
        UserError: there is no train split, several that may be train or dev, or too little to hold anything out.
    """
    entries = _called([_moved(entry, entry.split or TRAIN) for entry in entries])
    if task == "verification":
        entries = _without_strange_dev(entries)
    names = in_order(entry.split for entry in entries)
    if TRAIN not in names:
        raise UserError(f"no split is called train, only {', '.join(names)}; name the split to train on 'train'")
    missing = [split for split in wanted if split not in {kind_of(name) for name in names}]
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


def _by_unseen_speaker(train: Sequence[Entry], missing: Sequence[str]) -> dict[str, str]:
    splits: dict[str, str] = {}
    if TEST in missing:  # of at least two speakers: trials need different ones
        speakers = divide([entry.speaker for entry in train], (TEST,), at_least=2)
        splits = {entry.id: speakers[entry.speaker] for entry in train}
    if DEV in missing:
        rest = [entry for entry in train if splits.get(entry.id) != TEST]
        kept = {entry.speaker: entry.id for entry in rest}  # one of every speaker trains in any case
        spare = _ids(rest) - set(kept.values())
        if len(spare) < 2:
            raise UserError("cannot hold out dev: hardly a speaker of train has two utterances; name the splits")
        splits.update(divide(spare, (DEV,)))
    return splits


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


def _without_strange_dev(entries: Sequence[Entry]) -> list[Entry]:
    """The entries without dev, if it has speakers that train lacks: a network knows only those that it learns."""
    known, dev = ({entry.speaker for entry in entries if entry.split == split} for split in (TRAIN, DEV))
    if dev <= known:
        return list(entries)
    kept = [entry for entry in entries if entry.split != DEV]
    click.echo(f"left out dev, {len(entries) - len(kept)} utterances: train lacks speakers of theirs", err=True)
    return kept


def _moved(entry: Entry, split: str) -> Entry:
    return entry if entry.split == split else replace(entry, split=split)


def _many_speakers(train: Sequence[Entry]) -> bool:
    return len({entry.speaker for entry in train if entry.speaker}) >= MANY


def _ids(entries: Sequence[Entry]) -> set[str]:
    return {entry.id for entry in entries}


HOLD_OUT: dict[Task, Callable[[Sequence[Entry], Sequence[str]], dict[str, str]]] = {
    "recognition": _by_speaker_or_text,
    "classification": _by_speaker_or_label,
    "verification": _by_unseen_speaker,
}
