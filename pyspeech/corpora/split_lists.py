"""Lists of ids that say which split an utterance belongs to: ``<split>.txt``, an id a line."""

from collections.abc import Collection
from pathlib import Path

from pyspeech.corpora.splits import TRAIN
from pyspeech.errors import UserError
from pyspeech.text_files import read_text


def read_split_lists(folder: Path) -> dict[str, list[str]]:
    """Read the ids of every ``<split>.txt`` in ``folder``; nothing where there is no such file.

    Raises:
        UserError: an id stands in two lists or twice in one, or a list cannot be read.
    """
    lists = {
        path.stem: [id_ for line in read_text(path) for id_ in line.split()] for path in sorted(folder.glob("*.txt"))
    }
    seen: dict[str, str] = {}
    for split, ids in lists.items():
        for id_ in ids:
            if id_ in seen:
                raise UserError(f"{folder}: '{id_}' is listed for {seen[id_]} and for {split}; list every id once")
            seen[id_] = split
    return lists


def lists_within(lists: dict[str, list[str]], ids: Collection[str]) -> dict[str, list[str]]:
    """Return published lists without the ids that a corpus lacks; nothing where it lacks half of one: it is another."""
    known = set(ids)
    within = {split: [id_ for id_ in names if id_ in known] for split, names in lists.items()}
    return within if all(2 * len(within[split]) > len(lists[split]) for split in lists) else {}


def listed(split: str, lists: dict[str, list[str]], ids: Collection[str]) -> list[str]:
    """Return the ids of one split in the order of ``ids``; train has all that no list names where it has none itself.

    Raises:
        UserError: an id that is listed is not in the corpus, or no list is that of ``split``.
    """
    named = {id_ for names in lists.values() for id_ in names}
    if absent := sorted(named.difference(ids)):
        raise UserError(
            f"the lists of the splits name {len(absent)} utterances that the corpus does not have, such as "
            f"'{absent[0]}'; add them to the corpus's table, or take them out of the lists"
        )
    if split in lists:
        wanted = set(lists[split])
    elif split == TRAIN:
        wanted = set(ids) - named
    else:
        raise UserError(f"no list names the utterances of {split}, only those of {', '.join(lists)}; add {split}.txt")
    return [id_ for id_ in ids if id_ in wanted]
