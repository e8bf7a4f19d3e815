"""What is left out is named and counted. Of what cannot be read, train may lose a little, no other split anything.

A smaller test set is another one, whose score says less, or better things, than it seems to.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from lhotse.cut import Cut

from pyspeech.corpora.splits import TRAIN, kind_of
from pyspeech.data.audio_files import CannotRead
from pyspeech.errors import UserError
from pyspeech.messages import ONCE

MAX_FRACTION = 0.01  # of the utterances of train; one may always be lost
SHOWN = 3

AnyItem = TypeVar("AnyItem")
AnyCut = TypeVar("AnyCut", bound=Cut)
log = logging.getLogger(__name__)


def tell(line: str) -> None:
    """Tell a line, once in a command, which may read a corpus several times."""
    log.warning(line, extra=ONCE)


def tell_left_out(where: Path, names: Sequence[str], what: str, advice: str = "") -> None:
    """Tell of ``names`` of ``where`` that they are left out, if there are any: how many, ``what`` they are, the first.

    ``what`` is in the plural, ``advice`` what to do.
    """
    if names:
        shown = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
        tell(f"{where}: left out {len(names)} {what}: {shown}" + (f"; {advice}" if advice else ""))


def leave_out(items: Iterable[AnyItem], split: str, read: Callable[[AnyItem], AnyCut]) -> Iterator[AnyCut]:
    """Yield the cuts of all items that can be read, and tell of the others in the end.

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
        tell(f"left out: {found}")
    if faults:
        tell(f"{split}: left out {len(faults)} of {total} utterances, which cannot be used")
