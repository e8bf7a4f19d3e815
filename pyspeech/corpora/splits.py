"""Which split an utterance belongs to: the names that corpora use, and a division where a corpus has none."""

import re
from collections.abc import Collection, Iterable
from hashlib import sha256

from pyspeech.errors import UserError

TRAIN, DEV, TEST = KINDS = ("train", "dev", "test")
ALIASES = {
    **dict.fromkeys(("train", "training", "tr"), TRAIN),
    **dict.fromkeys(("dev", "devel", "valid", "validation", "val", "cv"), DEV),
    **dict.fromkeys(("test", "eval", "evaluation"), TEST),
}
SEPARATOR = re.compile(r"[-_. ]")
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")  # a split is a word of a script, and names files
HELD_OUT = 10  # one key in so many is held out for each of dev and test


def usual_name(name: str) -> str:
    """``train``, ``dev`` or ``test`` for their usual names in any case (``valid``, ``Eval``); other names stay."""
    return ALIASES.get(name.lower(), name)


def kind_of(name: str) -> str:
    """What a split is for, by the first word of its name: ``test`` for ``test-clean`` and for ``eval_clean``."""
    return usual_name(SEPARATOR.split(name)[0])


def split_name(name: str) -> str:
    """The split that a corpus calls ``name``: ``test-clean`` for ``eval_clean``.

    Raises:
        UserError: it would be no single word of a script.
    """
    split = "-".join([kind_of(name), *SEPARATOR.split(name)[1:]])
    refuse_unless_plain(split, name)
    return split


def refuse_unless_plain(split: str, name: str) -> None:
    """Check a split, which the corpus calls ``name``.

    Raises:
        UserError: a script could take it for something else than a word.
    """
    if not PLAIN.fullmatch(split):
        raise UserError(f"'{name}' cannot name a split; use letters, digits, '-' and '.'")


def names_for(kind: str, names: Iterable[str]) -> list[str]:
    """Those of ``names`` that are usual ones of ``kind``, or if none is, those whose first word is one; sorted."""
    meant = sorted(name for name in names if kind_of(name) == kind)
    return [name for name in meant if usual_name(name) == kind] or meant


def in_order(splits: Iterable[str]) -> tuple[str, ...]:
    """Every name once: train, dev, test, then others by the alphabet."""
    ranks = {kind: rank for rank, kind in enumerate(KINDS)}
    return tuple(sorted(set(splits), key=lambda split: (ranks.get(kind_of(split), len(KINDS)), split)))


def divide(
    keys: Iterable[str], held_out: Collection[str] = (DEV, TEST), at_least: int = 1, one_in: int = HELD_OUT
) -> dict[str, str]:
    """Return the split of every key: a tenth of the different keys, but ``at_least`` so many, for each held-out split.

    Keys are ordered by their hash; the first are test, the last dev, all others train. So the result depends on no
    order, test keys are the same with and without dev, and a further key moves at most one other for each of the two.
    ``one_in`` is ten where a tenth is meant.

    Raises:
        UserError: there are too few keys for one of them to train.
    """
    ordered = sorted(set(keys), key=_hash)
    count = max(at_least, len(ordered) // one_in)
    if len(ordered) <= count * len(held_out):
        raise UserError(
            f"cannot hold {' and '.join(held_out)} out of {len(ordered)} speakers, texts or utterances; "
            "name the splits in the corpus, or add to it"
        )
    splits = dict.fromkeys(ordered, TRAIN)
    if TEST in held_out:
        splits.update(dict.fromkeys(ordered[:count], TEST))
    if DEV in held_out:
        splits.update(dict.fromkeys(ordered[-count:], DEV))
    return splits


def _hash(key: str) -> bytes:
    return sha256(key.encode("utf-8", "surrogateescape")).digest()
