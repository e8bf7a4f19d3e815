from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tones import RATE, tone_manifest

from pyspeech.config import Config, load_config
from pyspeech.data.batches import TrainingBatches
from pyspeech.data.device_features import DeviceFeatures
from pyspeech.data.features import FeatureExtractor
from pyspeech.data.stored_features import store_features

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> Path:
    return tone_manifest(tmp_path_factory.mktemp("data") / "train.jsonl.gz", 12)


def a_config(folder: Path, **features: object) -> Config:
    values = {
        "include": ["fbank", "augment", "train", "ctc", "noise", "tdnn_lstm"],
        "task": "recognition",
        "features": {"sampling_rate": RATE, "num_mel_bins": 20, **features},
        "augment": {"volume_db": [-6, 6]},
        "batches": {"max_seconds": 4, "workers": 0, "buckets": 3},
        "noise": {"noise_dir": str(folder), "noise_probability": 0.5},
    }
    (folder / "c.yaml").write_text(yaml.safe_dump(values))
    soundfile.write(folder / "n.wav", np.sin(np.arange(4 * RATE)), RATE)
    return load_config(folder / "c.yaml")


@pytest.mark.parametrize(
    "features",
    [
        {},
        {"normalise": "mean"},
        {"normalise": "none"},
        {"dither": 0.001},
        {"type": "mfcc", "num_ceps": 13},
        {"frame_length_seconds": 0.02, "frame_shift_seconds": 0.0125},
        {"frame_length_seconds": 0.01},
    ],
)
def test_features_of_the_device_are_those_of_the_workers(manifest, tmp_path, features):
    config = a_config(tmp_path, **features)
    on_device = DeviceFeatures(config, CPU)
    expected = TrainingBatches(manifest, config, 1)
    for number, batch in enumerate(TrainingBatches(manifest, config, 1, samples=True)):
        found, its = on_device(batch), expected[number]
        assert (found.ids, found.texts, found.seconds) == (its.ids, its.texts, its.seconds)
        assert torch.equal(found.lengths_B, its.lengths_B)
        assert found.features_BTF.shape == its.features_BTF.shape
        assert torch.allclose(found.features_BTF, its.features_BTF, atol=1e-3, rtol=1e-4)
        for row, length in zip(found.features_BTF, its.lengths_B.tolist(), strict=True):
            assert not row[length:].any()
        assert found.samples_BS is found.sample_lengths_B is found.time_masks_BM2 is found.bin_masks_BM2 is None


def test_halves_have_the_features_of_the_whole(manifest, tmp_path, monkeypatch):
    config = a_config(tmp_path)
    on_device = DeviceFeatures(config, CPU)
    batch = next(iter(TrainingBatches(manifest, config, 1, samples=True)))
    whole = on_device(batch).features_BTF
    for half, rows in zip(batch.halves(), (whole[: len(batch.ids) // 2], whole[len(batch.ids) // 2 :]), strict=True):
        features = on_device(half).features_BTF
        assert torch.allclose(features, rows[:, : features.shape[1]], atol=1e-4)
    monkeypatch.setattr(on_device, "chunk_samples", 1)
    assert torch.allclose(on_device(batch).features_BTF, whole, atol=1e-4)


def test_a_batch_of_features_is_moved_as_it_is(manifest, tmp_path):
    config = a_config(tmp_path)
    batch = TrainingBatches(manifest, config, 1)[0]
    assert torch.equal(DeviceFeatures(config, CPU)(batch).features_BTF, batch.features_BTF)
    quiet = config.model_copy(update={"noise": None, "augment": config.augment.model_copy(update={"volume_db": None})})
    store_features(manifest, tmp_path / "stored.jsonl.gz", config.features, config.augment.speeds)
    assert TrainingBatches(tmp_path / "stored.jsonl.gz", quiet, 1, samples=True)[0].samples_BS is None


def test_nothing_readable_is_no_features(tmp_path):
    config = a_config(tmp_path)
    path = tone_manifest(tmp_path / "m.jsonl.gz", 1)
    next((tmp_path / "m_audio").iterdir()).unlink()
    batch = TrainingBatches(path, config, 1, samples=True)[0]
    assert DeviceFeatures(config, CPU)(batch).features_BTF.shape == (0, 0, 20)


def test_fewer_bits_of_a_loop_do_not_reach_the_features(manifest, tmp_path):
    config = a_config(tmp_path)
    batch = TrainingBatches(manifest, config, 1, samples=True)[0]
    expected = DeviceFeatures(config, CPU)(batch).features_BTF
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(DeviceFeatures(config, CPU)(batch).features_BTF, expected)


@given(st.integers(400, 2000), st.integers(0, 500))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_what_follows_the_samples_of_the_layer_does_not_matter(tmp_path, size, more):
    extractor = FeatureExtractor(a_config(tmp_path).features)
    rng = np.random.default_rng(size)
    samples = rng.standard_normal(size).astype(np.float32)
    expected = extractor.from_samples(samples)
    assert len(expected) == extractor.num_frames(size)
    row = np.concatenate([extractor.for_layer(samples), rng.standard_normal(more).astype(np.float32)])
    found = extractor.layer()(torch.from_numpy(row)[None])[0, : len(expected)]
    assert np.allclose(found.numpy(), expected, atol=1e-4)
