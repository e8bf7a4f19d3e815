"""How far the frames in which a network says tokens lie from their sounds: in seconds, for each token.

CTC leaves open where in its stretch of frames a token is said, and a network that hears what follows, by its label
delay or backwards, may say it before its sound begins. That is alike in every utterance, so it is learnt and undone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pyspeech.errors import UserError
from pyspeech.files import write_json
from pyspeech.json_files import read_json

Offset = tuple[float, float]  # seconds to add to the start and to the end of a token's frames

OFFSETS = "token_offsets.json"  # in the folder of a training, and of a decode
LARGEST = 10.0  # seconds; what is read


@dataclass(frozen=True)
class TokenOffsets:
    """What is added to the times of tokens.

    Args:
        of_all: Of tokens that have none of their own.
        by_symbol: Of each of the others.
        first: To the start of a token in the first frame, before which no network can say it; None if it has no other.
    """

    of_all: Offset = (0.0, 0.0)
    by_symbol: Mapping[str, Offset] = field(default_factory=dict)
    first: float | None = None

    def of(self, symbol: str, frame: int) -> Offset:
        """What is added to start and end of a token whose frames begin with ``frame``."""
        start, end = self.by_symbol.get(symbol, self.of_all)
        return (start if frame or self.first is None else self.first), end

    def save(self, folder: Path) -> None:
        """Write ``token_offsets.json``."""
        table = {symbol: list(offset) for symbol, offset in self.by_symbol.items()}
        write_json(folder / OFFSETS, {"of_all": list(self.of_all), "first": self.first, "by_symbol": table})


NO_OFFSETS = TokenOffsets()


def load_offsets(folder: Path) -> TokenOffsets:
    """Read what a training or a decode has; none where it has none, as trainings on little speech.

    Raises:
        UserError: the file is damaged.
    """
    path = folder / OFFSETS
    if not path.exists():
        return NO_OFFSETS
    values = read_json(path, "table of token offsets", "train or decode again")
    of_all, by_symbol, first = values.get("of_all"), values.get("by_symbol"), values.get("first")
    if not isinstance(by_symbol, dict) or not (first is None or _is_offset(first)):
        raise UserError(f"{path} holds no offsets of tokens; train or decode again")
    return TokenOffsets(
        _offset(of_all, path, "of_all"),
        {symbol: _offset(offset, path, f"by_symbol: '{symbol}'") for symbol, offset in by_symbol.items()},
        first,
    )


def _offset(value: object, path: Path, where: str) -> Offset:
    if not isinstance(value, list) or len(value) != 2 or not all(_is_offset(each) for each in value):
        raise UserError(f"{path}: {where} is not two numbers of seconds within {LARGEST:g}; train or decode again")
    return float(value[0]), float(value[1])


def _is_offset(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -LARGEST <= value <= LARGEST
