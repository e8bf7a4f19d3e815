from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.config import AugmentConfig
from pyspeech.data.augment import draw_masks, masked
from pyspeech.settings import check_config, read_yaml

SHARED = check_config(
    AugmentConfig, read_yaml(Path(__file__).parents[2] / "conf" / "augment.yaml")["augment"], "augment"
)


def augmented(features: np.ndarray, config: AugmentConfig, seed: int) -> np.ndarray:
    return masked(features, draw_masks(*features.shape, config, np.random.default_rng(seed)))


@given(frames=st.integers(1, 120), bins=st.integers(1, 80), seed=st.integers(0, 2**32))
def test_masks_stay_within_their_limits_and_leave_the_input_alone(frames, bins, seed):
    features = np.random.default_rng(1).standard_normal((frames, bins)).astype(np.float32)
    before = features.copy()
    result = augmented(features, SHARED, seed)
    assert np.array_equal(features, before)
    assert result.shape == features.shape
    changed = result != features
    mean_of_bin = np.broadcast_to(features.mean(axis=0), features.shape)
    assert np.array_equal(result[changed], mean_of_bin[changed])
    longest = min(SHARED.max_time_mask_frames, int(SHARED.max_time_mask_fraction * frames))
    widest = min(SHARED.max_frequency_mask_bins, bins)
    if bins > SHARED.frequency_masks * widest and frames > 1:
        assert changed.all(axis=1).sum() <= SHARED.time_masks * longest
    if frames > SHARED.time_masks * longest + 1:
        assert changed.all(axis=0).sum() <= SHARED.frequency_masks * widest


def test_one_seed_masks_one_way():
    features = np.random.default_rng(1).standard_normal((50, 20)).astype(np.float32)
    first, second, other = (augmented(features, SHARED, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_no_masks_change_nothing():
    features = np.ones((5, 5), dtype=np.float32)
    none = SHARED.model_copy(update={"time_masks": 0, "frequency_masks": 0})
    assert np.array_equal(augmented(features, none, 1), features)


def test_an_utterance_without_frames_stays_so():
    assert augmented(np.ones((0, 5), dtype=np.float32), SHARED, 1).shape == (0, 5)
