from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech import losses, models
from pyspeech.config import SpeakersConfig
from pyspeech.scaffold.networks import Learning
from pyspeech.scaffold.sizes import SIZES, Speech, settings, size_for
from pyspeech.settings import SHARED_CONF, read_yaml

WIDE = Speech(5000, 5.0, 3.6, 16000)


@given(st.floats(0, 1e6))
def test_every_corpus_has_a_size_that_reaches_it(hours):
    size = size_for(hours)
    assert hours <= size.hours
    assert all(smaller.hours < hours for smaller in SIZES[: SIZES.index(size)])


def test_networks_grow_and_steps_become_larger_with_the_hours():
    for smaller, larger in pairwise(SIZES):
        assert smaller.hours < larger.hours
        assert smaller.width <= larger.width
        assert smaller.batch_seconds < larger.batch_seconds
        assert smaller.learning_rate >= larger.learning_rate


@pytest.mark.parametrize("model", models.MODELS)
def test_a_network_of_every_size_is_one_of_ours(model):
    defaults = read_yaml(SHARED_CONF / f"{model}.yaml")["model"]
    counts = []
    for size in SIZES:
        sizes = size.model(model)
        assert set(sizes) <= set(defaults)
        network = models.build_model({**defaults, **sizes}, 80, 30)
        counts.append(sum(weights.numel() for weights in network.parameters()))
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]


@pytest.mark.parametrize("loss", losses.OF_UTTERANCES)
def test_batches_of_speakers_hold_what_the_loss_needs(loss):
    each = Learning("speaker_lstm", loss).utterances_each
    for size in SIZES:
        speakers = settings(Speech(5000, size.hours, 3.6, 16000), "verification", "speaker_lstm", each)["speakers"]
        assert SpeakersConfig(**{"crops_each": None, "crop_seconds": (2, 4), **speakers}).utterances_each == each


def test_telephone_speech_gets_telephone_features():
    assert settings(WIDE, "recognition", "tdnn_lstm")["features"] == {}
    narrow = settings(Speech(5000, 5.0, 3.6, 8000), "recognition", "tdnn_lstm")
    assert narrow["features"] == {"sampling_rate": 8000, "num_mel_bins": 40}
    assert narrow["augment"] == {"max_frequency_mask_bins": 6}


def test_given_features_say_their_width_and_shift():
    found = settings(Speech(5000, 5.0, 3.6, 0, 13, 0.0125), "recognition", "tdnn_lstm")
    assert found["features"] == {"num_given": 13, "frame_shift_seconds": 0.0125}
    assert found["augment"] == {"max_frequency_mask_bins": 1}


def test_batches_of_speakers_grow_with_the_hours():
    found = [settings(Speech(5000, size.hours, 3.6, 16000), "verification", "speaker_lstm") for size in SIZES]
    assert [each["speakers"]["per_batch"] for each in found] == [8, 12, 16, 24, 40, 64, 64]
    assert "speakers" not in settings(WIDE, "classification", "speaker_lstm")


def test_words_of_half_a_second_are_not_masked_whole():
    assert settings(Speech(5000, 1.0, 0.6, 16000), "recognition", "tdnn_lstm")["augment"] == {
        "max_time_mask_frames": 10
    }
    assert settings(WIDE, "recognition", "tdnn_lstm")["augment"] == {}


def test_few_utterances_fill_few_buckets():
    assert settings(Speech(60, 0.1, 6.0, 16000), "recognition", "tdnn_lstm")["batches"] == {
        "max_seconds": 20,
        "buckets": 2,
    }
    assert "buckets" not in settings(WIDE, "recognition", "tdnn_lstm")["batches"]


def test_the_guide_shows_the_table():
    guide = (Path(__file__).resolve().parents[2] / "recipes/README.md").read_text(encoding="utf-8")
    for size in SIZES:
        hours = f"{size.hours:g}" if size.hours < float("inf") else "more"
        layers = f"{size.tdnn_lstm_layers} / {size.bilstm_ctc_layers}"
        conformer = f"{size.conformer_width} / {size.conformer_layers}"
        row = (hours, size.batch_seconds, size.epochs, size.learning_rate, size.width, layers, conformer, size.dropout)
        assert f"| {' | '.join(map(str, row))} |" in guide


def test_few_hours_of_many_speakers_get_little_noise():
    few, many = (settings(Speech(5000, hours, 3.6, 16000), "verification", "speaker_lstm") for hours in (1.0, 300.0))
    assert few["noise"] == {"noise_probability": 0.2, "rir_probability": 0.2}
    assert few["speakers"]["crops_each"] == 16
    assert few["features"] == many["features"] == {"normalise": "mean"}
    assert "noise" not in many
