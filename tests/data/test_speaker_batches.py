import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tones import RATE

from pyspeech.config import Config, load_config
from pyspeech.corpora.corpus import utterance
from pyspeech.data.batch import Batch
from pyspeech.data.loading import load
from pyspeech.data.manifests import write_manifest
from pyspeech.data.speaker_batches import SpeakerBatches, expected_crop_seconds
from pyspeech.errors import UserError

UTTERANCES = {"ann": 5, "bob": 1, "cem": 3, "dag": 2, "eva": 4}  # 3 each on average
LONGEST = 1.5


def speaker_manifest(path: Path, speakers: dict[str, int]) -> Path:
    rng = np.random.default_rng(0)
    cuts = []
    for speaker, count in speakers.items():
        for number in range(count):
            audio = path.parent / "audio" / f"{speaker}-{number}.wav"
            audio.parent.mkdir(parents=True, exist_ok=True)
            samples = 0.1 * rng.standard_normal(int(RATE * rng.uniform(0.3, LONGEST)))
            soundfile.write(audio, samples, RATE, subtype="PCM_16")
            cuts.append(utterance(audio, "some words", speaker))
    write_manifest(cuts, path)
    return path


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> Path:
    return speaker_manifest(tmp_path_factory.mktemp("data") / "train.jsonl.gz", UTTERANCES)


@pytest.fixture
def config(tmp_path) -> Config:
    values = {
        "include": ["fbank", "augment", "train", "noise", "softmax", "speakers", "speaker_lstm"],
        "task": "verification",
        "features": {"sampling_rate": RATE, "num_mel_bins": 20},
        "augment": {"speeds": [0.9, 1.0]},
        "batches": {"workers": 0},
        "speakers": {"per_batch": 4, "utterances_each": 2, "crop_seconds": [0.2, 0.4]},
    }
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(values))
    return load_config(tmp_path / "c.yaml")


def changed(config: Config, section: str, **values: object) -> Config:
    changes = {**config.model_dump(), section: {**config.model_dump()[section], **values}}
    return Config.model_validate(changes)


def epoch_of(manifest: Path, config: Config, epoch: int) -> Iterator[Batch]:
    batches = SpeakerBatches(manifest, config, epoch)
    return load(batches, range(len(batches)), config.batches.workers, pin=False)


def same(first: Batch, second: Batch) -> bool:
    rest = replace(first, features_BTF=second.features_BTF, lengths_B=second.lengths_B)
    return rest == second and torch.equal(first.features_BTF, second.features_BTF)


def test_another_epoch_of_opened_batches_is_that_epoch(manifest, config):
    third, again = SpeakerBatches(manifest, config, 1).of_epoch(3), SpeakerBatches(manifest, config, 3)
    assert len(third) == len(again)
    assert all(same(third[number], again[number]) for number in range(len(again)))


def test_an_epoch_holds_every_speaker_at_every_speed_equally_often(manifest, config):
    batches = list(epoch_of(manifest, config, epoch=1))
    crops = Counter(speaker for batch in batches for speaker in batch.speakers)
    voices = {name for speaker in UTTERANCES for name in (speaker, f"{speaker} x0.9")}
    assert crops == dict.fromkeys(voices, 4)  # the mean number of utterances is 3, in whole rounds of 2
    more = changed(config, "speakers", crops_each=10)
    crops = Counter(speaker for batch in epoch_of(manifest, more, epoch=1) for speaker in batch.speakers)
    assert crops == dict.fromkeys(voices, 10)


@given(per_batch=st.integers(2, 12), each=st.integers(1, 3), rounds=st.integers(1, 3), epoch=st.integers(1, 3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
def test_the_speakers_of_a_batch_differ_and_its_utterances_are_dealt_evenly(
    manifest, config, per_batch, each, rounds, epoch
):
    config = changed(config, "speakers", per_batch=per_batch, utterances_each=each, crops_each=rounds * each)
    met: dict[str, list[str]] = {}
    sizes = []
    for batch in epoch_of(manifest, config, epoch):
        blocks = [batch.speakers[n : n + each] for n in range(0, len(batch.speakers), each)]
        assert all(len(set(block)) == 1 for block in blocks)
        assert len({block[0] for block in blocks}) == len(blocks)
        sizes.append(len(blocks))
        for id_, speaker in zip(batch.ids, batch.speakers, strict=True):
            assert id_.startswith(speaker[:3])
            assert id_.endswith("_sp0.9") == speaker.endswith("x0.9")
            met.setdefault(speaker, []).append(id_)
    assert 2 <= min(sizes) <= max(sizes) <= min(max(per_batch, 3), min(sizes) + 1)
    assert len(sizes) == rounds * min(math.ceil(10 / per_batch), 5)
    for speaker, ids in met.items():
        count = UTTERANCES[speaker[:3]]
        passes = [ids[n : n + count] for n in range(0, len(ids), count)]
        assert all(len(set(each_pass)) == len(each_pass) for each_pass in passes)


def test_all_crops_of_a_batch_have_one_length_which_batches_draw(manifest, config):
    lengths = []
    for batch in epoch_of(manifest, changed(config, "speakers", crops_each=20), epoch=1):
        # Utterances last 0.3 seconds or more: in a batch of crops that are no longer, none is whole.
        if batch.features_BTF.shape[1] <= 30:
            assert len(set(batch.lengths_B.tolist())) == 1
        lengths.append(batch.features_BTF.shape[1])
        assert batch.seconds == pytest.approx(0.01 * float(batch.lengths_B.sum()), rel=0.03)
        for row, length in zip(batch.features_BTF, batch.lengths_B.tolist(), strict=True):
            assert not row[length:].any()
    assert 20 <= min(lengths) < max(lengths) <= 41
    assert len(set(lengths)) > 5


def test_utterances_that_are_shorter_than_a_crop_are_whole(manifest, config):
    config = changed(config, "speakers", crop_seconds=(9, 9))
    (first, *_) = epoch_of(manifest, config, epoch=1)
    for id_, speaker, length in zip(first.ids, first.speakers, first.lengths_B.tolist(), strict=True):
        info = soundfile.info(manifest.parent / "audio" / f"{id_.removesuffix('_sp0.9')}.wav")
        speed = 0.9 if speaker.endswith("x0.9") else 1.0
        assert length == pytest.approx(info.duration / speed * 100, abs=1)


def test_an_epoch_is_the_same_whatever_ran_before_and_however_many_workers(manifest, config):
    config = changed(config, "noise", noise_dir=str(manifest.parent / "audio"), rir_dir=str(manifest.parent / "audio"))
    two = list(epoch_of(manifest, config, epoch=2))
    list(epoch_of(manifest, config, epoch=1))
    again = list(epoch_of(manifest, changed(config, "batches", workers=2), epoch=2))
    assert all(same(first, second) for first, second in zip(two, again, strict=True))
    other = list(epoch_of(manifest, config, epoch=3))
    assert not any(same(first, second) for first, second in zip(two, other, strict=True))


def test_crops_are_normalised_and_begin_anywhere(manifest, config):
    plain = changed(config, "augment", time_masks=0, frequency_masks=0)
    crops: dict[str, set[float]] = {}
    for batch in epoch_of(manifest, changed(plain, "speakers", crops_each=24), epoch=1):
        for id_, features_TF, length in zip(batch.ids, batch.features_BTF, batch.lengths_B, strict=True):
            assert features_TF[:length].mean(dim=0).abs().max() < 1e-3
            crops.setdefault(id_, set()).add(round(float(features_TF[0, 0]), 4))
    assert all(len(found) > 3 for found in crops.values())


def test_noise_is_heard(manifest, config, tmp_path):
    soundfile.write(tmp_path / "n.wav", np.sin(np.arange(4 * RATE)), RATE)
    noisy = changed(config, "noise", noise_dir=str(tmp_path), noise_probability=1.0)
    first, second = (next(iter(epoch_of(manifest, each, epoch=1))) for each in (config, noisy))
    assert first.ids == second.ids
    assert not torch.equal(first.features_BTF, second.features_BTF)


def test_the_seconds_of_an_epoch_are_foretold(manifest, config):
    config = changed(config, "augment", speeds=(0.9,))
    # Of 60 crops each utterance has as many as any other of its speaker.
    for crop_seconds, tolerance in (((0.5, 0.5), 1e-3), ((0.2, 0.9), 0.02)):
        many = changed(config, "speakers", crop_seconds=crop_seconds, crops_each=60)
        found = sum(batch.seconds for batch in epoch_of(manifest, many, epoch=1))
        assert SpeakerBatches(manifest, many, 1).seconds == pytest.approx(found, rel=tolerance)


@given(st.floats(0.01, 9), st.floats(0.1, 5), st.floats(0, 5))
def test_the_expected_crop_is_the_mean_over_all_lengths(seconds, low, width):
    lengths = np.linspace(low, low + width, 20_001)
    expected = np.minimum(lengths, seconds).mean()
    assert expected_crop_seconds(np.array([seconds]), low, low + width) == pytest.approx(expected, rel=1e-3)


def test_utterances_that_the_highest_speed_makes_too_short_are_left_out(manifest, config):
    config = changed(config, "batches", min_utterance_seconds=0.8)
    config = changed(config, "augment", speeds=(1.0, 1.25))
    for batch in epoch_of(manifest, config, epoch=1):
        for id_ in batch.ids:
            assert soundfile.info(manifest.parent / "audio" / f"{id_.partition('_')[0]}.wav").duration >= 1.0
    with pytest.raises(UserError, match=r"holds 0 speakers with utterances of 12\.5 seconds or more"):
        SpeakerBatches(manifest, changed(config, "batches", min_utterance_seconds=10), epoch=1)


def test_audio_that_cannot_be_read_is_left_out_and_named(tmp_path, config):
    manifest = speaker_manifest(tmp_path / "train.jsonl.gz", {"ann": 1, "bob": 1})
    (tmp_path / "audio" / "bob-0.wav").write_bytes(b"no audio")
    batches = list(epoch_of(manifest, config, epoch=1))
    for batch in batches:
        assert all(id_.startswith("ann") for id_ in batch.ids)
        assert len(batch.ids) == len(batch.lengths_B) == len(batch.speakers) == len(batch.features_BTF)
        for each in batch.unreadable:
            assert re.match(r"bob-0(_sp0.9)?$", each.id)
            assert re.match(rf"cannot read the audio of cut '{each.id}' from .*bob-0\.wav", each.reason)
    read = sum(len(batch.ids) for batch in batches)
    assert read == sum(len(batch.unreadable) for batch in batches) == SpeakerBatches(manifest, config, 1).utterances / 2


def test_crops_may_come_as_audio(manifest, config):
    audio = SpeakerBatches(manifest, config, 1, samples=True)[0]
    assert audio.samples_BS is not None
    assert audio.features_BTF.shape == (len(audio.ids), 0, 20)
    assert audio.ids == SpeakerBatches(manifest, config, 1)[0].ids
