import itertools
import math
import random
import re
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.scoring.significance import error_segments, matched_pairs, paired_bootstrap
from pyspeech.scoring.wer import GAP, align

WORDS = st.lists(st.sampled_from("abc"), max_size=12)


def columns_of(pairs):
    """Errors by position: gap, word, gap, ..., word, gap."""
    errors, gap = [], 0
    for reference, hypothesis in pairs:
        if reference == GAP:
            gap += 1
        else:
            errors += [gap, int(reference != hypothesis)]
            gap = 0
    return [*errors, gap]


def segments_by_pattern(first, second):
    """Write every position as one letter, then let a regular expression find what stands between right words."""
    pairs = list(zip(columns_of(first), columns_of(second), strict=True))
    letters = "".join(
        "x" if any(pair) else "" if place % 2 == 0 else "." for place, pair in enumerate(pairs)
    )  # a gap without an insertion is no position
    places = [pair for place, pair in enumerate(pairs) if any(pair) or place % 2]
    return [
        tuple(map(sum, zip(*places[found.start() : found.end()], strict=True)))
        for found in re.finditer(r"x(\.?x)*", letters)
    ]


@given(WORDS, WORDS, WORDS)
def test_segments_are_what_stands_between_two_right_words(reference, one, other):
    first, second = align(reference, one), align(reference, other)
    segments = error_segments(first, second)
    assert segments == segments_by_pattern(first, second)
    assert [sum(side) for side in zip(*segments, strict=True)] == [
        errors
        for errors in (sum(a != b for a, b in pairs) for pairs in (first, second))
        if segments  # no segment, no sums
    ]


@pytest.mark.parametrize(
    ("first", "second", "segments"),
    [
        ("a b c d e", "a b c d e", []),
        ("x b c d e", "a b c d x", [(1, 0), (0, 1)]),  # three right words between
        ("a x c d x", "a b c d e", [(1, 0), (1, 0)]),  # two right words between
        ("x b x d e", "a b c x e", [(2, 1)]),  # one right word does not end a segment
        ("a x c x d e", "a b c d e", [(2, 0)]),  # nor do two with an insertion between them
        ("a b c d e", "a b c d e x", [(0, 1)]),  # an insertion at the end
        ("", "a b c d e", [(5, 0)]),
    ],
)
def test_segments_of_small_examples(first, second, segments):
    reference = ["a", "b", "c", "d", "e"]
    assert error_segments(align(reference, first.split()), align(reference, second.split())) == segments


def draw_segments(count, seed, better=0.0):
    drawn = random.Random(seed)
    return [(drawn.randint(0, 3), 0 if drawn.random() < better else drawn.randint(0, 3)) for _ in range(count)]


@pytest.mark.parametrize("better", [0.0, 0.2, 0.5])
def test_the_matched_pairs_test_is_the_z_test_of_the_differences(better):
    segments = draw_segments(80, 3, better)
    differences = [b - a for a, b in segments]
    error = statistics.stdev(differences) / math.sqrt(80)
    found = matched_pairs(segments)
    assert (found.segments, found.mean) == (80, pytest.approx(statistics.mean(differences)))
    assert found.z == pytest.approx(found.mean / error)
    assert found.p == pytest.approx(2 * statistics.NormalDist(0, error).cdf(-abs(found.mean)))


@pytest.mark.parametrize(("seed", "better"), [(1, 0.0), (2, 0.2), (4, 0.3)])
def test_the_matched_pairs_test_agrees_with_swapping_the_two_at_random(seed, better):
    """The permutation test asks the same without the normal distribution."""
    differences = np.array([b - a for a, b in draw_segments(100, seed, better)])
    signs = np.random.default_rng(seed).choice([-1, 1], size=(20_000, 100))
    # Sums are whole numbers; a step of one half towards the middle corrects for that.
    expected = np.mean(abs(signs @ differences) >= abs(differences.sum()) - 0.5)
    assert matched_pairs(draw_segments(100, seed, better)).p == pytest.approx(expected, abs=0.03)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=12))
def test_swapping_the_two_only_turns_the_sign(segments):
    found, turned = matched_pairs(segments), matched_pairs([(b, a) for a, b in segments])
    assert found.mean == -turned.mean
    assert found.p == turned.p
    assert found.p is None or 0 <= found.p <= 1


@pytest.mark.parametrize("segments", [[], [(1, 1)], [(1, 1), (3, 3)]])
def test_equal_decodes_differ_by_chance_for_certain(segments):
    found = matched_pairs(segments)
    assert (found.segments, found.mean, found.z, found.p) == (len(segments), 0.0, 0.0, 1.0)


@pytest.mark.parametrize("segments", [[(1, 0)], [(1, 0), (2, 1), (1, 0)]])
def test_without_a_variance_there_is_no_test(segments):
    found = matched_pairs(segments)
    assert (found.mean, found.z, found.p) == (-1.0, None, None)


def differences_counted_out(counts):
    """The difference of the rates in every sample with replacement that there is."""
    samples = itertools.product(counts, repeat=len(counts))
    sums = [[sum(column) for column in zip(*sample, strict=True)] for sample in samples]
    return np.array([(b - a) / length for a, b, length in sums if length])


@pytest.mark.parametrize(
    "counts",
    [
        [(1, 0, 4), (2, 2, 5), (0, 1, 3), (3, 1, 6)],
        [(1, 0, 4), (1, 0, 9), (0, 3, 3), (0, 0, 0), (2, 0, 2)],
        [(0, 2, 4), (0, 1, 5), (0, 0, 3), (1, 3, 6), (1, 1, 1)],
    ],
)
def test_the_paired_bootstrap_agrees_with_all_samples_counted_out(counts):
    found, every = paired_bootstrap(counts), differences_counted_out(counts)
    assert found.second_better == pytest.approx(np.mean(every < 0), abs=0.02)
    assert found.first_better == pytest.approx(np.mean(every > 0), abs=0.02)
    assert found.p == pytest.approx(min(1, 2 * min(np.mean(every <= 0), np.mean(every >= 0))), abs=0.03)
    assert found.interval == pytest.approx(np.percentile(every, [2.5, 97.5]), abs=0.06)


def test_the_paired_bootstrap_agrees_with_the_normal_distribution_on_many_utterances():
    drawn = np.random.default_rng(2)
    counts = [(int(drawn.binomial(10, 0.2)), int(drawn.binomial(10, 0.187)), 10) for _ in range(600)]
    differences = [(b - a) / 10 for a, b, _ in counts]
    mean, error = statistics.mean(differences), statistics.stdev(differences) / math.sqrt(600)
    found = paired_bootstrap(counts)
    assert found.p == pytest.approx(math.erfc(abs(mean) / error / math.sqrt(2)), abs=0.02)
    assert found.interval == pytest.approx((mean - 1.96 * error, mean + 1.96 * error), abs=0.0005)


def test_identical_decodes_have_p_one_and_a_certain_gain_is_never_impossible():
    same = paired_bootstrap([(1, 1, 5), (0, 0, 3)])
    assert (same.interval, same.first_better, same.second_better, same.p) == ((0.0, 0.0), 0.0, 0.0, 1.0)
    better = paired_bootstrap([(1, 0, 5)] * 20)
    assert (better.interval, better.first_better, better.second_better) == ((-0.2, -0.2), 0.0, 1.0)
    assert 0 < better.p < 0.001


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 6)), min_size=1, max_size=10))
def test_the_same_seed_gives_the_same_result_in_any_order(counts):
    assert paired_bootstrap(counts, 200) == paired_bootstrap(counts[::-1], 200)
    assert 0 < paired_bootstrap(counts, 200).p <= 1
