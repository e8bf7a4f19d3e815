import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.decoding.frames import likely_tokens
from pyspeech.rescoring.search_batch import FrameBatch, spread

NUM_TOKENS = 4
SCALE = 0.5


def frame_scores(seed, num_frames, keep):
    logits = np.random.default_rng(seed).normal(0, 2, (1, num_frames, NUM_TOKENS))
    log_probs = (logits - np.logaddexp.reduce(logits, axis=2, keepdims=True)).astype(np.float32)
    return next(likely_tokens([f"utt{seed}"], [num_frames / 30], log_probs, [num_frames], keep))


def rows_of(tokens, num_rows):
    row, token = tokens.spread(np.arange(num_rows))
    return [token[row == each].tolist() for each in range(num_rows)]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=5), st.floats(0, 6), st.floats(0, 3))
def test_every_frame_holds_the_scaled_scores_of_utterances_that_end_together(lengths, keep, near_beam):
    utterances = [frame_scores(seed, length, keep) for seed, length in enumerate(lengths)]
    batch = FrameBatch.of(utterances, SCALE, NUM_TOKENS, near_beam)
    assert (batch.size, batch.num_steps) == (len(lengths), max(lengths))
    assert batch.start.tolist() == [max(lengths) - length for length in lengths]
    dense = np.full((batch.num_steps, batch.size, NUM_TOKENS), -np.inf)
    for number, (each, start) in enumerate(zip(utterances, batch.start, strict=True)):
        dense[start:, number] = SCALE * each.dense(NUM_TOKENS).astype(np.float64)
    for time, rows in enumerate(dense):
        frame = batch.frame(time)
        np.testing.assert_array_equal(frame.score, rows.ravel())
        np.testing.assert_array_equal(batch.scores(time), rows.ravel())
        np.testing.assert_array_equal(frame.peak, rows[:, 1:].max(axis=1))
        likely = [[token for token in range(1, NUM_TOKENS) if row[token] > -np.inf] for row in rows]
        near = [
            [token for token in kept if row[token] >= row.max() - near_beam]
            for row, kept in zip(rows, likely, strict=True)
        ]
        assert rows_of(frame.likely, batch.size) == likely
        assert rows_of(frame.near, batch.size) == near


def test_tokens_are_spread_over_rows_in_the_order_asked_for():
    batch = FrameBatch.of([frame_scores(seed, 2, np.inf) for seed in range(3)], SCALE, NUM_TOKENS, 0.0)
    row, token = batch.frame(1).likely.spread(np.array([2, 0, 2]))
    assert row.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert token.tolist() == [1, 2, 3] * 3


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4))))
def test_ranges_are_spread_out_in_a_row(ranges):
    first, count = np.array(ranges, np.int64).reshape(-1, 2).T
    owner, place = spread(first, count)
    expected = [(number, start + step) for number, (start, size) in enumerate(ranges) for step in range(size)]
    assert list(zip(owner.tolist(), place.tolist(), strict=True)) == expected
