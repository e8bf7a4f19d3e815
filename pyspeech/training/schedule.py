"""The learning rate: linear warm-up, then a half cosine down (https://arxiv.org/abs/1608.03983, without restarts)."""

import math


def learning_rate(progress: float, peak: float, final: float, warmup_fraction: float) -> float:
    """Return the learning rate at ``progress``, the part of the whole training that is done, 0 to 1.

    Rises from 0 to ``peak`` at ``warmup_fraction``, then falls to ``final`` at 1.
    """
    if progress < warmup_fraction:
        return peak * progress / warmup_fraction
    decay = min((progress - warmup_fraction) / (1 - warmup_fraction), 1.0)
    return final + (peak - final) * (1 + math.cos(math.pi * decay)) / 2
