"""SpecAugment: masks over time and frequency (https://arxiv.org/abs/1904.08779)."""

import numpy as np
import numpy.typing as npt

from pyspeech.config import AugmentConfig


def spec_augment(
    features_TF: npt.NDArray[np.float32], config: AugmentConfig, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Return a copy in which random spans of frames and of bins hold the utterance's mean.

    A time mask is at most ``max_time_mask_frames`` long and ``max_time_mask_fraction`` of the utterance.
    """
    masked = features_TF.copy()
    num_frames, num_features = masked.shape
    mean = masked.mean(axis=0)
    longest = min(config.max_time_mask_frames, int(config.max_time_mask_fraction * num_frames))
    for _ in range(config.time_masks):
        start, stop = _span(num_frames, longest, rng)
        masked[start:stop] = mean
    for _ in range(config.frequency_masks):
        start, stop = _span(num_features, min(config.max_frequency_mask_bins, num_features), rng)
        masked[:, start:stop] = mean[start:stop]
    return masked


def _span(total: int, longest: int, rng: np.random.Generator) -> tuple[int, int]:
    length = int(rng.integers(0, longest + 1))
    start = int(rng.integers(0, total - length + 1))
    return start, start + length
