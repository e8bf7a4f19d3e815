"""What cannot be read: train may lose a few utterances, which are named and counted, no other split a single one.

A smaller test set is another one, whose score says less, or better things, than it seems to.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import click
from lhotse.cut import Cut

from pyspeech.data.audio_files import CannotRead
from pyspeech.data.splits import TRAIN, kind_of
from pyspeech.errors import UserError

MAX_FRACTION = 0.01  # of the utterances of train; one may always be lost
SHOWN = 3

AnyItem = TypeVar("AnyItem")
AnyCut = TypeVar("AnyCut", bound=Cut)


def leave_out(items: Iterable[AnyItem], split: str, read: Callable[[AnyItem], AnyCut]) -> Iterator[AnyCut]:
    """Yield the cuts of all items that can be read, and tell of the others on stderr in the end.

    Args:
        items: One for each utterance of one split.
        split: Name of that split, such as ``train`` or ``test-clean``.
        read: Makes the cut of an item, or raises :class:`CannotRead`, which says why it cannot, and what to do.

    Raises:
        UserError: an item of another split than train cannot be read, or more than one item and more than 1% of train,
            or none is left.
    """
    faults: list[str] = []
    good = 0
    for item in items:
        try:
            cut = read(item)
        except CannotRead as error:
            if kind_of(split) != TRAIN:
                raise
            faults.append(str(error))
        else:
            good += 1
            yield cut
    total = good + len(faults)
    if faults and (not good or len(faults) > max(1, MAX_FRACTION * total)):
        shown = " | ".join(list(dict.fromkeys(faults))[:SHOWN])
        raise UserError(f"{split}: {len(faults)} of {total} utterances cannot be used: {shown}")
    for found in dict.fromkeys(faults):  # a recording may be that of several
        click.echo(f"left out: {found}", err=True)
    if faults:
        click.echo(f"{split}: left out {len(faults)} of {total} utterances, which cannot be used", err=True)
