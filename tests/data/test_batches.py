import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tones import RATE, tone_cuts, tone_manifest

from pyspeech.config import Config, load_config
from pyspeech.data.batches import Batch, inference_batches, training_batches
from pyspeech.data.features import store_features
from pyspeech.data.manifests import read_manifest, write_manifest
from pyspeech.errors import UserError


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> Path:
    return tone_manifest(tmp_path_factory.mktemp("data") / "train.jsonl.gz", 20)


@pytest.fixture
def config(tmp_path) -> Config:
    settings = {
        "include": ["fbank", "augment", "train", "noise", "tdnn_lstm"],
        "features": {"sampling_rate": RATE, "num_mel_bins": 20},
        "batches": {"max_seconds": 4, "workers": 0, "buckets": 3},
    }
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(settings))
    return load_config(tmp_path / "c.yaml")


def same(first: Batch, second: Batch) -> bool:
    return first.ids == second.ids and torch.equal(first.features_BTF, second.features_BTF)


def test_an_epoch_holds_every_utterance_once_at_each_speed(manifest, config):
    ids = [id_ for batch in training_batches(manifest, config, epoch=1) for id_ in batch.ids]
    assert len(ids) == len(set(ids)) == 60
    assert sum(id_.endswith("_sp0.9") for id_ in ids) == sum(id_.endswith("_sp1.1") for id_ in ids) == 20


def test_stored_features_are_used_at_the_speeds_they_were_stored_with(manifest, config, tmp_path):
    stored = tmp_path / "fbank" / "train.jsonl.gz"
    store_features(manifest, stored, config.features, speeds=(0.9, 1.0))
    assert sum(len(batch.ids) for batch in training_batches(stored, config, epoch=1)) == 40


def test_an_epoch_is_the_same_whatever_ran_before_and_however_many_workers(manifest, config):
    two = list(training_batches(manifest, config, epoch=2))
    list(training_batches(manifest, config, epoch=1))
    with_worker = config.model_copy(update={"batches": config.batches.model_copy(update={"workers": 1})})
    again = list(training_batches(manifest, with_worker, epoch=2))
    assert len(two) == len(again)
    assert all(same(first, second) for first, second in zip(two, again, strict=True))


def test_a_batch_holds_the_texts_and_the_speakers_of_its_utterances(manifest, config):
    supervisions = {cut.id: cut.supervisions[0] for cut in read_manifest(manifest)}
    for batch in inference_batches(manifest, config.features, 4):
        assert batch.texts == tuple(supervisions[id_].text for id_ in batch.ids)
        assert batch.speakers == tuple(supervisions[id_].speaker for id_ in batch.ids)


def test_noise_is_heard_in_training_where_a_folder_is_given(manifest, config, tmp_path):
    soundfile.write(tmp_path / "noise.wav", np.sin(np.arange(4 * RATE)), RATE)
    noise = config.noise.model_copy(update={"noise_dir": str(tmp_path), "noise_probability": 1.0})
    noisy = config.model_copy(update={"noise": noise})
    clean, first, again = (list(training_batches(manifest, each, epoch=1)) for each in (config, noisy, noisy))
    assert all(same(left, right) for left, right in zip(first, again, strict=True))
    assert [batch.ids for batch in clean] == [batch.ids for batch in first]
    assert not any(same(left, right) for left, right in zip(clean, first, strict=True))
    store_features(manifest, tmp_path / "fbank" / "train.jsonl.gz", config.features)
    with pytest.raises(UserError, match="holds stored features, to which noise cannot be added"):
        training_batches(tmp_path / "fbank" / "train.jsonl.gz", noisy, epoch=1)


def test_epochs_differ(manifest, config):
    first, second = (next(iter(training_batches(manifest, config, epoch))) for epoch in (1, 2))
    assert not same(first, second)


def test_a_batch_holds_at_most_its_seconds(manifest, config):
    for batch in training_batches(manifest, config, epoch=1):
        assert batch.features_BTF.shape[1] * len(batch.ids) * 0.01 <= config.batches.max_seconds + 0.1


def test_a_corpus_of_one_utterance_trains(tmp_path, config):
    path = tone_manifest(tmp_path / "one.jsonl.gz", 1)
    assert sum(len(batch.ids) for batch in training_batches(path, config, epoch=1)) == 3


def test_no_utterance_within_the_length_limits_is_an_error(manifest, config):
    limits = config.batches.model_copy(update={"min_utterance_seconds": 20.0})
    with pytest.raises(UserError, match=r"no utterance of 20\.0 to 30\.0 seconds"):
        training_batches(manifest, config.model_copy(update={"batches": limits}), epoch=1)


@given(max_seconds=st.floats(0.1, 20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10)
def test_inference_sees_every_utterance_in_manifest_order(manifest, config, max_seconds):
    batches = list(inference_batches(manifest, config.features, max_seconds))
    assert [id_ for batch in batches for id_ in batch.ids] == [f"utt{n:03d}" for n in range(20)]
    for batch in batches:
        assert batch.features_BTF.shape[1] == batch.lengths_B.max()
        assert len(batch.ids) == 1 or batch.features_BTF.shape[1] * len(batch.ids) * 0.01 <= max_seconds + 0.1


def test_padding_is_zero(manifest, config):
    batch = next(iter(inference_batches(manifest, config.features, 100)))
    for row, length in zip(batch.features_BTF, batch.lengths_B.tolist(), strict=True):
        assert not row[length:].any()


def test_a_cut_with_two_supervisions_is_refused_by_name(tmp_path, config):
    cut = tone_cuts(tmp_path / "audio", 1)[0]
    cut.supervisions = cut.supervisions * 2
    write_manifest([cut], tmp_path / "m.jsonl.gz")
    with pytest.raises(UserError, match="cut 'utt000' has 2 supervisions"):
        next(inference_batches(tmp_path / "m.jsonl.gz", config.features, 10))


MEMORY = """
import resource, sys
from pathlib import Path
from pyspeech.config import load_config
from pyspeech.data.batches import _bucketing_sampler, _training_cuts
config = load_config(Path(sys.argv[1]), ["batches.shuffle_buffer=500"])
sampler = _bucketing_sampler(_training_cuts(Path(sys.argv[2]), config), config)
print(sum(len(cuts) for cuts in sampler), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_manifest(manifest, config, tmp_path):
    cuts = tone_cuts(tmp_path / "audio", 20)
    peaks = []
    for copies in (100, 600):
        path = tmp_path / f"{copies}.jsonl.gz"
        repeated = (cut.with_id(f"{cut.id}-{copy}") for copy in range(copies) for cut in cuts)
        write_manifest(repeated, path)
        command = [sys.executable, "-c", MEMORY, str(tmp_path / "c.yaml"), str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        count, peak = map(int, done.stdout.split())
        assert count == copies * 20 * 3
        peaks.append(peak)
    assert peaks[1] < 1.1 * peaks[0]
