"""The speed at which an utterance is played, and who speaks then."""

import math
from collections.abc import Mapping
from typing import Any

FASTEST = 1000.0  # whatever is above, or that much slower, is damage
SPEED_KEY = "speed"  # custom field of a cut that has features, but no recording that would tell it


def speed_of(cut: Mapping[str, Any]) -> float:
    """Return the factor by which the cut's recording is made faster; 1 for a recording as it is."""
    if not cut.get("recording"):
        speed = (cut.get("custom") or {}).get(SPEED_KEY)
        return float(speed) if isinstance(speed, int | float) and 0 < speed <= FASTEST else 1.0
    transforms = cut["recording"].get("transforms") or []
    factors = (float(t["kwargs"]["factor"]) for t in transforms if t.get("name") == "Speed")
    return math.prod(factors, start=1.0)


def speaker_at(speaker: str, speed: float) -> str:
    """Name the voice of ``speaker`` at this speed: another speed moves pitch and formants, so it is another voice."""
    return speaker if speed == 1.0 else f"{speaker} x{speed:g}"
