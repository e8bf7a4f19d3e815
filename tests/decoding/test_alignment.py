import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.decoding.alignment import align_tokens, align_words
from pyspeech.decoding.hypothesis import Clock
from pyspeech.decoding.times import token_runs
from pyspeech.errors import UserError
from tests.decodes import FRAME_SECONDS, TOKENS, WORD_FRAMES, speak


def random_log_probs(frames, tokens, seed):
    logits = np.random.default_rng(seed).normal(0, 2, (frames, tokens))
    return (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(np.float32)


def score(log_probs_TV, path):
    return log_probs_TV[np.arange(len(path)), list(path)].sum(dtype=np.float64)


def path_of(runs, frames):
    path = np.zeros(frames, np.int32)
    for run in runs:
        path[run.start : run.end] = run.token
    return path


@given(st.lists(st.integers(1, 2), max_size=4), st.integers(0, 6), st.integers(0, 1000))
def test_no_path_that_spells_the_tokens_is_better(tokens, frames, seed):
    log_probs_TV = random_log_probs(frames, 3, seed)
    spelling = [
        path
        for path in itertools.product(range(3), repeat=frames)
        if [run.token for run in token_runs(np.array(path, np.int32))] == tokens
    ]
    if not spelling:
        with pytest.raises(UserError, match=f"{frames} output frames cannot spell the {len(tokens)} tokens"):
            align_tokens(log_probs_TV, tokens)
        return
    runs = align_tokens(log_probs_TV, tokens)
    path = path_of(runs, frames)
    assert token_runs(path) == runs
    assert [run.token for run in runs] == tokens
    assert score(log_probs_TV, path) == pytest.approx(max(score(log_probs_TV, each) for each in spelling), abs=1e-4)


def test_tokens_that_cannot_be_are_not_passed_through():
    log_probs_TV = np.array([[-0.7, -0.7, -np.inf]] * 2, np.float32)
    with pytest.raises(UserError, match="cannot spell"):
        align_tokens(log_probs_TV, [2])


def test_words_get_the_times_of_their_tokens():
    frames = speak("a", ["CAT", "SAT"], noise=0, seed=0)
    log_probs_TV = frames.dense(len(TOKENS.symbols))
    found = align_words(
        log_probs_TV,
        ["CAT", "SAT"],
        [TOKENS.encode([word]) for word in ("CAT", "SAT")],
        TOKENS.symbols,
        Clock(FRAME_SECONDS, frames.seconds),
    )
    middle = round(WORD_FRAMES * FRAME_SECONDS, 3)
    assert [(each.symbol, each.start, each.end) for each in found] == [
        ("CAT", 0.0, middle),
        ("SAT", middle, 2 * middle),
    ]
    assert align_words(log_probs_TV, [], [], TOKENS.symbols, Clock(FRAME_SECONDS, frames.seconds)) == ()
