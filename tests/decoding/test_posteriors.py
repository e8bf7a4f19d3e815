import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.decoding.lattice import best_path, linear_lattice
from pyspeech.decoding.posteriors import arc_posteriors, word_confidences
from tests.lattices import all_paths, random_lattice

SEEDS = st.integers(0, 10_000)
SCALES = st.sampled_from([0.5, 1.0, 3.0])


def path_probabilities(lattice, scale):
    scores = {path: float(lattice.scores(scale)[list(path)].sum()) for path in all_paths(lattice)}
    total = np.logaddexp.reduce(list(scores.values()))
    return {path: np.exp(score - total) for path, score in scores.items()}


@given(SEEDS, SCALES)
def test_a_posterior_sums_the_probabilities_of_the_paths_through_an_arc(seed, scale):
    lattice = random_lattice(seed)
    expected = np.zeros(lattice.num_arcs)
    for path, probability in path_probabilities(lattice, scale).items():
        expected[list(path)] += probability
    np.testing.assert_allclose(arc_posteriors(lattice, scale), expected, rtol=1e-9)


@given(SEEDS, SCALES, st.sampled_from([1.0, 100.0, 1e6]))
def test_the_posteriors_of_a_frame_sum_to_one(seed, scale, spread):
    lattice = random_lattice(seed, num_frames=30, width=5)
    lattice = replace(lattice, acoustic=(lattice.acoustic * np.float32(spread)))
    in_frame = lattice.token >= 0
    sums = np.bincount(lattice.frame[in_frame], arc_posteriors(lattice, scale)[in_frame])
    np.testing.assert_allclose(sums, np.ones(30), rtol=1e-6)


def test_very_many_paths_are_no_matter():
    # 2 ** 3000 paths: neither their number nor the probability of one of them is a float64.
    source = np.repeat(np.arange(3000, dtype=np.int32), 2)
    lattice = linear_lattice("utt", *(np.zeros(3000, np.int32),) * 2, np.zeros(3000, np.float32))
    doubled = replace(
        lattice,
        **{name: np.repeat(getattr(lattice, name)[:-1], 2) for name in ("token", "word", "acoustic", "graph", "frame")},
        source=source,
        target=source + 1,
    )
    np.testing.assert_allclose(arc_posteriors(doubled, 1.0), 0.5)


def nearest_word(frames, frame):
    """The word of the path that starts nearest to a frame; of two equally near, the earlier."""
    distances = [abs(start - frame) for start in frames]
    # Several words may start in one frame: what comes before them is nearest to the first, what follows to the last.
    nearest = [n for n, distance in enumerate(distances) if distance == min(distances)]
    return nearest[0] if frames[nearest[0]] >= frame or frames[nearest[0]] < frames[nearest[-1]] else nearest[-1]


@given(SEEDS, SCALES)
def test_a_confidence_is_how_probable_the_word_is_thereabouts(seed, scale):
    lattice = random_lattice(seed, num_frames=5, words=2)
    best = best_path(lattice, scale)
    said = [arc for arc in best.tolist() if lattice.word[arc]]
    frames = [int(lattice.frame[arc]) for arc in said]
    if len(set(frames)) < len(frames):
        return
    expected = np.zeros(len(said))
    for path, probability in path_probabilities(lattice, scale).items():
        for arc in path:
            if said and lattice.word[arc]:
                n = nearest_word(frames, int(lattice.frame[arc]))
                expected[n] += probability * (lattice.word[said[n]] == lattice.word[arc])
    found = word_confidences(lattice, best, scale)
    assert found == pytest.approx(np.minimum(expected, 1))


@given(SEEDS, SCALES)
def test_the_word_itself_counts_and_nothing_exceeds_one(seed, scale):
    lattice = random_lattice(seed, num_frames=6)
    best = best_path(lattice, scale)
    own = arc_posteriors(lattice, scale)[best][lattice.word[best] > 0]
    found = np.array(word_confidences(lattice, best, scale))
    assert (found <= 1).all()
    frames = lattice.frame[best][lattice.word[best] > 0]
    alone = np.array([np.sum(frames == frame) == 1 for frame in frames], bool)
    assert (found >= own - 1e-9)[alone].all()


def test_a_path_without_words_has_no_confidences():
    lattice = linear_lattice("utt", np.zeros(3, np.int32), np.zeros(3, np.int32), np.zeros(3, np.float32))
    assert word_confidences(lattice, best_path(lattice, 1.0), 1.0) == []


def lines_run(function, *arguments):
    """How many lines of Python a call takes, its own and those of what it calls."""
    count = 0

    def trace(_, event, __):
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function(*arguments)
    finally:
        sys.settrace(before)
    return count


def test_python_goes_through_the_frames_of_a_lattice_and_not_through_its_arcs():
    wide, narrow = (random_lattice(1, num_frames=100, width=width) for width in (14, 2))
    assert wide.num_arcs > 10 * narrow.num_arcs > 1500
    assert lines_run(arc_posteriors, wide, 1.0) < 2 * lines_run(arc_posteriors, narrow, 1.0)
