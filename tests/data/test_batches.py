from collections.abc import Iterator
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
from pyspeech.corpora.corpus import utterance
from pyspeech.data.batch import Batch
from pyspeech.data.batches import TrainingBatches, inference_batches
from pyspeech.data.loading import load
from pyspeech.data.manifests import read_manifest, write_manifest
from pyspeech.data.stored_features import store_features
from pyspeech.errors import UserError


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> Path:
    return tone_manifest(tmp_path_factory.mktemp("data") / "train.jsonl.gz", 20)


@pytest.fixture
def config(tmp_path) -> Config:
    settings = {
        "include": ["fbank", "augment", "train", "ctc", "noise", "tdnn_lstm"],
        "task": "recognition",
        "features": {"sampling_rate": RATE, "num_mel_bins": 20},
        "batches": {"max_seconds": 4, "workers": 0, "buckets": 3},
    }
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(settings))
    return load_config(tmp_path / "c.yaml")


def training_batches(manifest: Path, config: Config, epoch: int) -> Iterator[Batch]:
    batches = TrainingBatches(manifest, config, epoch)
    return load(batches, range(len(batches)), config.batches.workers, pin=False)


def same(first: Batch, second: Batch) -> bool:
    return first.ids == second.ids and torch.equal(first.features_BTF, second.features_BTF)


def test_another_epoch_of_opened_batches_is_that_epoch(manifest, config):
    first = TrainingBatches(manifest, config, epoch=1)
    third, again = first.of_epoch(3), TrainingBatches(manifest, config, epoch=3)
    assert len(third) == len(again)
    assert all(same(third[number], again[number]) for number in range(len(again)))
    assert first[0].ids != third[0].ids
    assert same(first[0], TrainingBatches(manifest, config, epoch=1)[0])


def test_an_epoch_holds_every_utterance_once_at_each_speed(manifest, config):
    ids = [id_ for batch in training_batches(manifest, config, epoch=1) for id_ in batch.ids]
    assert len(ids) == len(set(ids)) == 60
    assert sum(id_.endswith("_sp0.9") for id_ in ids) == sum(id_.endswith("_sp1.1") for id_ in ids) == 20


def test_stored_features_are_used_at_the_speeds_they_were_stored_with(manifest, config, tmp_path):
    stored = tmp_path / "fbank" / "train.jsonl.gz"
    store_features(manifest, stored, config.features, speeds=(0.9, 1.0))
    config = config.model_copy(update={"augment": config.augment.model_copy(update={"speeds": (0.9, 1.0)})})
    assert sum(len(batch.ids) for batch in training_batches(stored, config, epoch=1)) == 40
    asked = config.model_copy(update={"augment": config.augment.model_copy(update={"speeds": (1.0,)})})
    with pytest.raises(UserError, match=r"stored at the speeds \[0.9, 1.0\], augment.speeds is \[1.0\]"):
        TrainingBatches(stored, asked, epoch=1)
    cuts = list(read_manifest(stored))
    write_manifest([*cuts[:39], cuts[39].drop_features()], stored)
    with pytest.raises(UserError, match="holds stored features for 39 of its 40 cuts"):
        TrainingBatches(stored, config, epoch=1)


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
    store_features(manifest, tmp_path / "fbank" / "train.jsonl.gz", config.features, config.augment.speeds)
    louder = config.model_copy(update={"augment": config.augment.model_copy(update={"volume_db": (-3, 3)})})
    with pytest.raises(UserError, match="holds stored features, to which noise cannot be added, nor gain"):
        TrainingBatches(tmp_path / "fbank" / "train.jsonl.gz", louder, epoch=1)
    with pytest.raises(UserError, match="holds stored features, to which noise cannot be added"):
        TrainingBatches(tmp_path / "fbank" / "train.jsonl.gz", noisy, epoch=1)


def test_a_batch_needs_none_of_those_before_it(manifest, config):
    batches = TrainingBatches(manifest, config, epoch=1)
    last = list(training_batches(manifest, config, epoch=1))[-1]
    assert same(batches[len(batches) - 1], last)
    assert batches.utterances == 60
    assert batches.seconds == pytest.approx(sum(batch.seconds for batch in batches), rel=1e-3)


def damage(path: Path, how: str) -> None:
    data = path.read_bytes()
    if how == "missing":
        path.unlink()
    elif how == "flipped":
        middle = len(data) // 2
        path.write_bytes(data[:middle] + bytes(200) + data[middle + 200 :])
    else:
        path.write_bytes({"empty": b"", "text": b"no audio", "cut short": data[: len(data) // 2]}[how])


@pytest.mark.parametrize(
    ("ending", "how"),
    [
        *(("wav", how) for how in ("missing", "empty", "text", "cut short")),
        *(("flac", how) for how in ("missing", "empty", "cut short", "flipped")),
        ("ogg", "cut short"),
    ],
)
@pytest.mark.parametrize("samples", [False, True])
def test_audio_that_cannot_be_read_is_left_out_and_named(tmp_path, config, ending, how, samples):
    cuts = []
    for cut in tone_cuts(tmp_path, 4):
        path = tmp_path / f"{cut.id}.{ending}"
        soundfile.write(path, *soundfile.read(tmp_path / f"{cut.id}.wav"))
        cuts.append(utterance(path, cut.supervisions[0].text, ""))
    write_manifest(cuts, tmp_path / "m.jsonl.gz")
    damage(tmp_path / f"utt002.{ending}", how)
    batches = list(TrainingBatches(tmp_path / "m.jsonl.gz", config, epoch=1, samples=samples))
    assert len({id_ for batch in batches for id_ in batch.ids}) == 9
    unreadable = [each for batch in batches for each in batch.unreadable]
    assert sorted(each.id for each in unreadable) == ["utt002", "utt002_sp0.9", "utt002_sp1.1"]
    for each in unreadable:
        assert f"cannot read the audio of cut '{each.id}' from {tmp_path}/utt002.{ending}: " in each.reason
        assert "\n" not in each.reason


def test_samples_that_are_no_numbers_are_left_out(tmp_path, config):
    cuts = tone_cuts(tmp_path, 3)
    samples, rate = soundfile.read(tmp_path / "utt001.wav", dtype="float32")
    samples[100] = np.nan
    soundfile.write(tmp_path / "utt001.wav", samples, rate, subtype="FLOAT")
    write_manifest(cuts, tmp_path / "m.jsonl.gz")
    batches = list(TrainingBatches(tmp_path / "m.jsonl.gz", config, epoch=1))
    assert all("not finite" in each.reason for batch in batches for each in batch.unreadable)
    assert sum(len(batch.unreadable) for batch in batches) == 3
    assert all(torch.isfinite(batch.features_BTF).all() for batch in batches)


def test_stored_features_that_cannot_be_read_are_left_out(manifest, config, tmp_path):
    config = config.model_copy(update={"augment": config.augment.model_copy(update={"speeds": (1.0,)})})
    store_features(manifest, tmp_path / "m.jsonl.gz", config.features)
    [archive] = (tmp_path / "m.lca").iterdir()
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size * 9 // 10])
    batches = list(TrainingBatches(tmp_path / "m.jsonl.gz", config, epoch=1))
    unreadable = [each for batch in batches for each in batch.unreadable]
    assert 1 <= len(unreadable) <= 6
    assert sum(len(batch.ids) for batch in batches) == 20 - len(unreadable)
    assert all(f"from {archive}" in each.reason for each in unreadable)
    other = config.model_copy(update={"features": config.features.model_copy(update={"num_mel_bins": 21})})
    with pytest.raises(UserError, match="has features made with other settings"):  # all have: that is no damage
        TrainingBatches(tmp_path / "m.jsonl.gz", other, epoch=1)[0]


def test_a_batch_of_which_nothing_can_be_read_is_empty(tmp_path, config):
    write_manifest(tone_cuts(tmp_path, 1), tmp_path / "m.jsonl.gz")
    (tmp_path / "utt000.wav").unlink()
    for samples in (False, True):
        for batch in TrainingBatches(tmp_path / "m.jsonl.gz", config, epoch=1, samples=samples):
            assert batch.ids == batch.texts == batch.speakers == ()
            assert batch.features_BTF.shape == (0, 0, 20)
            assert batch.lengths_B.shape == (0,)
            assert batch.seconds == 0
            assert batch.unreadable


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
        TrainingBatches(manifest, config.model_copy(update={"batches": limits}), epoch=1)


@given(max_seconds=st.floats(0.1, 20), workers=st.integers(0, 3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10)
def test_inference_sees_every_utterance_in_manifest_order_whoever_reads_them(manifest, config, max_seconds, workers):
    batches = list(inference_batches(manifest, config.features, max_seconds, workers))
    alone = inference_batches(manifest, config.features, max_seconds)
    assert all(same(*pair) for pair in zip(batches, alone, strict=True))
    assert [id_ for batch in batches for id_ in batch.ids] == [f"utt{n:03d}" for n in range(20)]
    for batch in batches:
        assert batch.features_BTF.shape[1] == batch.lengths_B.max()
        assert len(batch.ids) == 1 or batch.features_BTF.shape[1] * len(batch.ids) * 0.01 <= max_seconds + 0.1


def test_padding_is_zero(manifest, config):
    batch = next(iter(inference_batches(manifest, config.features, 100)))
    for row, length in zip(batch.features_BTF, batch.lengths_B.tolist(), strict=True):
        assert not row[length:].any()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_cut_with_two_supervisions_is_refused_by_name(tmp_path, config, workers):
    cut = tone_cuts(tmp_path / "audio", 1)[0]
    cut.supervisions = cut.supervisions * 2
    write_manifest([cut], tmp_path / "m.jsonl.gz")
    with pytest.raises(UserError, match="cut 'utt000' has 2 supervisions"):
        next(inference_batches(tmp_path / "m.jsonl.gz", config.features, 10, workers))
