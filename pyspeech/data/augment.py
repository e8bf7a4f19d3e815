"""SpecAugment: masks over time and frequency (https://arxiv.org/abs/1904.08779)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyspeech.config import AugmentConfig

Spans = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Masks:
    """What of an utterance is to hold its mean, each span from its first up to, not with, its last.

    Args:
        times: [time masks, 2] Spans of frames.
        bins: [frequency masks, 2] Spans of features.
    """

    times: Spans
    bins: Spans


def draw_masks(num_frames: int, num_features: int, config: AugmentConfig, rng: np.random.Generator) -> Masks:
    """Draw the masks of an utterance.

    A time mask is at most ``max_time_mask_frames`` long and ``max_time_mask_fraction`` of the utterance.
    """
    longest = min(config.max_time_mask_frames, int(config.max_time_mask_fraction * num_frames))
    widest = min(config.max_frequency_mask_bins, num_features)
    return Masks(
        times=_spans(config.time_masks, num_frames, longest, rng),
        bins=_spans(config.frequency_masks, num_features, widest, rng),
    )


def masked(features_TF: npt.NDArray[np.float32], masks: Masks) -> npt.NDArray[np.float32]:
    """Return a copy in which the spans of ``masks`` hold the mean over time."""
    copy_TF = features_TF.copy()
    if not len(copy_TF):
        return copy_TF
    mean = features_TF.mean(axis=0)
    for start, stop in masks.times:
        copy_TF[start:stop] = mean
    for start, stop in masks.bins:
        copy_TF[:, start:stop] = mean[start:stop]
    return copy_TF


def _spans(count: int, total: int, longest: int, rng: np.random.Generator) -> Spans:
    lengths = rng.integers(0, longest + 1, size=count)
    starts = rng.integers(0, total - lengths + 1)
    return np.stack([starts, starts + lengths], axis=1)
