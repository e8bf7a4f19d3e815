"""Offsets of tokens: kept, read, and learnt where a network says tokens early or late by so much."""

import json

import numpy as np
import pytest

from pyspeech.decoding import learn_offsets as learn_offsets_module
from pyspeech.decoding.learn_offsets import Heard, learn_offsets
from pyspeech.decoding.token_offsets import NO_OFFSETS, OFFSETS, TokenOffsets, load_offsets
from pyspeech.errors import UserError
from pyspeech.lang.tokens import CharacterTokens
from tests.decoding.test_feature_alignment import sounds

TOKENS = CharacterTokens.from_words(["ABCD"])


def test_offsets_are_read_as_they_were_written(tmp_path):
    offsets = TokenOffsets((0.1, -0.2), {"A": (0.0, 0.05)}, 0.01)
    offsets.save(tmp_path)
    assert load_offsets(tmp_path) == offsets
    assert [offsets.of("A", 1), offsets.of("B", 1), offsets.of("A", 0)] == [(0.0, 0.05), (0.1, -0.2), (0.01, 0.05)]
    assert load_offsets(tmp_path / "elsewhere") == NO_OFFSETS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"by_symbol": []}, "holds no offsets of tokens"),
        ({"first": "0"}, "holds no offsets of tokens"),
        ({"of_all": [0.1]}, "of_all is not two numbers of seconds"),
        ({"by_symbol": {"A": [0.1, float("nan")]}}, "by_symbol: 'A' is not two numbers"),
        ({"by_symbol": {"A": [True, 0]}}, "by_symbol: 'A' is not two numbers"),
        ({"of_all": [11, 0]}, "within 10"),
    ],
)
def test_damaged_offsets_are_named(tmp_path, change, message):
    (tmp_path / OFFSETS).write_text(json.dumps({"of_all": [0, 0], "first": None, "by_symbol": {}} | change))
    with pytest.raises(UserError, match=message):
        load_offsets(tmp_path)


def heard(early_frames, utterances=40, every=3):
    """Utterances whose network says every token in one output frame, so many frames of features before its middle."""
    features, texts, spans = sounds(3, utterances)
    for x, words, own in zip(features, texts, spans, strict=True):
        log_probs_TV = np.full((-(-len(x) // every), len(TOKENS.symbols)), -9.0, np.float32)
        log_probs_TV[:, 0] = -0.01
        places = np.maximum((own.mean(axis=1) - early_frames) // every, 0).astype(int)
        for token, place in zip([1 + token for word in words for token in word], places.tolist(), strict=True):
            log_probs_TV[place, 0], log_probs_TV[place, token] = -9.0, -0.01
        yield Heard(x, log_probs_TV, [[1 + token for token in word] for word in words])


def test_utterances_that_cannot_be_learnt_from_are_passed_over(monkeypatch):
    every = list(heard(6))
    wanted = learn_offsets(every, TOKENS, 0.01, 0.03)
    spoilt = Heard(np.full_like(every[0].features_TF, np.nan), every[0].log_probs_TV, every[0].words)
    silent = Heard(every[0].features_TF, np.full_like(every[0].log_probs_TV, np.nan), every[0].words)
    short = Heard(every[0].features_TF, every[0].log_probs_TV[:1], every[0].words)
    assert learn_offsets([spoilt, silent, short, *every], TOKENS, 0.01, 0.03) == wanted
    monkeypatch.setattr(learn_offsets_module, "MOST_CELLS", 10)
    assert learn_offsets(every, TOKENS, 0.01, 0.03) is None


@pytest.mark.parametrize("early_frames", [0, 6])
def test_what_a_network_is_early_by_is_learnt(early_frames):
    found = learn_offsets(heard(early_frames), TOKENS, 0.01, 0.03)
    middle = (sum(found.of_all) + 0.03) / 2  # of the sound, from where the output frame begins
    assert middle == pytest.approx(early_frames / 100 + 0.015, abs=0.015)
    assert found.by_symbol.keys() <= set(TOKENS.symbols)
    assert learn_offsets(heard(early_frames, utterances=2), TOKENS, 0.01, 0.03) is None
