"""What a recipe says of one utterance, before its audio is looked at."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One utterance: a whole audio file, or a part of it.

    Args:
        path: The file.
        text: Words as spoken, or the label.
        id: The name of the file without its ending if it is empty.
        start: Seconds from the beginning of the file.
        seconds: How long it lasts; None: to the end of the file.
        channel: The number of one, from 0 on, or "mix" for the average of all; the first of several if it is empty.
    """

    path: Path
    text: str = ""
    speaker: str = ""
    id: str = ""
    start: float = 0.0
    seconds: float | None = None
    channel: str = ""
