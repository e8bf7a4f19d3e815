"""The speed at which an utterance is played, and who speaks then."""

import math
from collections.abc import Mapping
from typing import Any


def speed_of(cut: Mapping[str, Any]) -> float:
    """Return the factor by which the cut's recording is made faster; 1 for a recording as it is."""
    transforms = (cut.get("recording") or {}).get("transforms") or []
    factors = (float(t["kwargs"]["factor"]) for t in transforms if t.get("name") == "Speed")
    return math.prod(factors, start=1.0)


def speaker_at(speaker: str, speed: float) -> str:
    """Name the voice of ``speaker`` at this speed: another speed moves pitch and formants, so it is another voice."""
    return speaker if speed == 1.0 else f"{speaker} x{speed:g}"
