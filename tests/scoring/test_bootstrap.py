import itertools

import kaldialign
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.scoring.bootstrap import error_rate_interval, rate_interval, resampled_sums
from pyspeech.scoring.wer import ErrorCounts

UTTERANCES = st.lists(
    st.builds(ErrorCounts, st.integers(0, 3), st.just(0), st.just(0), st.integers(3, 9)), min_size=1, max_size=20
)


def draw(count, rate, seed=1):
    """Utterances of 5 to 15 words with independent substitutions."""
    random = np.random.default_rng(seed)
    lengths = random.integers(5, 16, size=count)
    return [
        ErrorCounts(substitutions=int(random.binomial(length, rate)), reference_length=int(length))
        for length in lengths
    ]


def interval_by_resampling(counts, replications, seed):
    """The definition: draw utterances one by one, with replacement."""
    random = np.random.default_rng(seed)
    pairs = np.array([(one.errors, one.reference_length) for one in counts])
    sums = pairs[random.integers(len(pairs), size=(replications, len(pairs)))].sum(axis=1)
    return np.percentile(sums[:, 0] / sums[:, 1], [2.5, 97.5])


def test_equals_resampling_utterance_by_utterance():
    counts = draw(100, 0.1)
    # 20,000 samples leave a standard error of about 0.0003 on each bound.
    expected = interval_by_resampling(counts, 20_000, seed=5)
    assert error_rate_interval(counts, 20_000) == pytest.approx(expected, abs=0.0015)


def test_agrees_with_the_normal_interval_of_kaldialign_on_many_utterances():
    counts = draw(800, 0.2)
    references = [["a"] * one.reference_length for one in counts]
    hypotheses = [["a"] * one.hits + ["b"] * one.substitutions for one in counts]
    other = kaldialign.bootstrap_wer_ci(references, hypotheses, seed=3)
    assert error_rate_interval(counts) == pytest.approx((other["ci95min"], other["ci95max"]), abs=0.002)


def test_agrees_with_the_formula_for_independent_words():
    counts = [ErrorCounts(substitutions=index % 10 == 0, reference_length=1) for index in range(2000)]
    half = 1.96 * np.sqrt(0.1 * 0.9 / 2000)
    assert error_rate_interval(counts) == pytest.approx((0.1 - half, 0.1 + half), abs=0.0015)


@given(UTTERANCES)
def test_the_interval_holds_the_rate_within_the_extremes(counts):
    low, high = error_rate_interval(counts, replications=500)
    rates = [one.rate for one in counts]
    assert min(rates) - 1e-12 <= low <= high <= max(rates) + 1e-12


@given(UTTERANCES, st.randoms())
def test_the_order_of_utterances_does_not_matter(counts, random):
    shuffled = random.sample(counts, len(counts))
    assert error_rate_interval(counts, 200) == error_rate_interval(shuffled, 200)


def test_the_same_seed_gives_the_same_interval_and_another_one_another():
    counts = draw(50, 0.1)
    assert error_rate_interval(counts) == error_rate_interval(counts)
    assert error_rate_interval(counts, seed=1) != error_rate_interval(counts, seed=2)


def test_a_perfect_score_has_an_empty_interval():
    assert error_rate_interval([ErrorCounts(reference_length=8)] * 30) == (0.0, 0.0)


def test_more_utterances_narrow_the_interval():
    few, many = error_rate_interval(draw(50, 0.1)), error_rate_interval(draw(1000, 0.1))
    assert many[1] - many[0] < few[1] - few[0]


def test_an_empty_reference_does_not_divide_by_zero():
    low, high = error_rate_interval([ErrorCounts(reference_length=1), ErrorCounts(insertions=1)])
    assert (low, high) == (0.0, 1.0)


def test_sums_have_the_mean_and_the_covariance_of_drawing_with_replacement():
    rows = np.random.default_rng(1).integers(0, 5, size=(40, 3))
    sums = resampled_sums(rows.tolist(), 20_000)
    assert sums.shape == (20_000, 3)
    assert sums.mean(axis=0) == pytest.approx(rows.sum(axis=0), rel=0.005)
    assert np.cov(sums.T) == pytest.approx(40 * np.cov(rows.T, bias=True), abs=2.5)


def test_columns_of_the_same_utterance_stay_together():
    sums = resampled_sums([(one, 3 * one) for one in (1, 0, 4, 2)], 100)
    assert (sums[:, 1] == 3 * sums[:, 0]).all()


def test_the_interval_of_a_rate_is_that_of_all_samples_counted_out():
    pairs = [(0, 2), (1, 1), (1, 3), (0, 0)]
    drawn = np.array([[pairs[i] for i in sample] for sample in itertools.product(range(4), repeat=4)]).sum(axis=1)
    drawn = drawn[drawn[:, 1] > 0]
    expected = np.percentile(drawn[:, 0] / drawn[:, 1], [2.5, 97.5])
    assert rate_interval(pairs) == pytest.approx(expected, abs=0.02)
