from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.decoding.lattice import NO_FRAME, linear_lattice, prune
from pyspeech.formats.word_lattice import word_lattice
from tests.lattices import all_paths, random_lattice

SEEDS = st.integers(0, 10_000)
SCALES = st.sampled_from([0.5, 1.0, 3.0])


def best_by_words_and_times(lattice, scale):
    """Best score of every sequence of (word, frame where it starts), over all paths."""
    best = defaultdict(lambda: -np.inf)
    for path in all_paths(lattice):
        arcs = list(path)
        said = tuple((int(lattice.word[arc]), int(lattice.frame[arc])) for arc in arcs if lattice.word[arc])
        best[said] = max(best[said], float(lattice.scores(scale)[arcs].sum()))
    return dict(best)


@given(SEEDS, SCALES)
def test_every_sequence_of_timed_words_keeps_its_best_score(seed, scale):
    lattice = random_lattice(seed)
    contracted = word_lattice(lattice, scale)
    assert best_by_words_and_times(contracted, scale) == pytest.approx(
        best_by_words_and_times(lattice, scale), abs=1e-5
    )


@given(SEEDS, SCALES)
def test_all_arcs_are_words_but_those_from_the_start(seed, scale):
    contracted = word_lattice(random_lattice(seed, num_frames=6), scale)
    assert (contracted.token == NO_FRAME).all()
    assert (contracted.word[contracted.source > 0] > 0).all()
    arcs = list(zip(*(getattr(contracted, name).tolist() for name in ("source", "target", "word")), strict=True))
    assert len(set(arcs)) == len(arcs)
    assert (contracted.source < contracted.target).all()
    assert (np.diff(contracted.source) >= 0).all()
    assert set(contracted.source.tolist()) == set(range(contracted.num_states - 1))
    assert set(contracted.target.tolist()) == set(range(1, contracted.num_states))


@given(SEEDS)
def test_it_can_be_pruned_like_any_lattice(seed):
    contracted = word_lattice(random_lattice(seed), 1.0)
    pruned = prune(contracted, 1.0, contracted.num_arcs, 1.0)
    best = max(best_by_words_and_times(contracted, 1.0).values())
    kept = best_by_words_and_times(pruned, 1.0)
    expected = {said: score for said, score in best_by_words_and_times(contracted, 1.0).items() if score >= best - 1}
    assert expected.items() <= kept.items()


def test_words_last_until_the_next_one():
    words = np.array([0, 1, 0, 0, 2, 0], np.int32)
    found = word_lattice(linear_lattice("utt", words * 0, words, np.full(6, -1, np.float32)), 1.0)
    assert found.word.tolist() == [0, 1, 2]
    assert found.frame.tolist() == [0, 1, 4]
    assert found.acoustic.tolist() == [-1, -3, -2]
    assert found.num_frames == 6


@pytest.mark.parametrize("num_frames", [0, 3])
def test_without_words_one_arc_is_left(num_frames):
    zeros = np.zeros(num_frames, np.int32)
    found = word_lattice(linear_lattice("utt", zeros, zeros, np.zeros(num_frames, np.float32)), 1.0)
    assert (found.source.tolist(), found.target.tolist(), found.word.tolist()) == ([0], [1], [0])
