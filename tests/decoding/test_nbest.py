import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.decoding.lattice import best_path, linear_lattice
from pyspeech.decoding.nbest import n_best
from tests.lattices import all_paths, random_lattice, words_on


def best_by_words(lattice, scale):
    best = {}
    for path in all_paths(lattice):
        acoustic, graph = (float(each[list(path)].sum(dtype=np.float64)) for each in (lattice.acoustic, lattice.graph))
        there = (scale * acoustic + graph, acoustic, graph)
        words = words_on(lattice, path)
        best[words] = max(there, best.get(words, there))
    return best


@given(st.integers(0, 10_000), st.sampled_from([0.3, 1.0, 2.0]), st.integers(1, 50))
def test_the_n_best_are_those_of_all_paths(seed, scale, count):
    lattice = random_lattice(seed)
    expected = best_by_words(lattice, scale)
    found = n_best(lattice, count, lattice.scores(scale))
    assert len(found) == min(count, len(expected)) == len({each.words for each in found})
    totals = [scale * each.acoustic + each.graph for each in found]
    assert totals == pytest.approx(sorted((total for total, _, _ in expected.values()), reverse=True)[:count])
    for each in found:
        assert (each.acoustic, each.graph) == pytest.approx(expected[each.words][1:])
        assert words_on(lattice, each.arcs) == each.words
        arcs = list(each.arcs)
        assert lattice.acoustic[arcs].sum(dtype=np.float64) == pytest.approx(each.acoustic)


@given(st.integers(0, 10_000))
def test_the_first_is_the_best_path(seed):
    lattice = random_lattice(seed, num_frames=8)
    (best,) = n_best(lattice, 1, lattice.scores(1.0))
    assert best.words == words_on(lattice, tuple(best_path(lattice, 1.0).tolist()))


def test_a_lattice_without_words_has_one_candidate():
    lattice = linear_lattice("utt", np.zeros(3, np.int32), np.zeros(3, np.int32), np.full(3, -0.5, np.float32))
    (only,) = n_best(lattice, 10, lattice.scores(1.0))
    assert (only.words, only.acoustic, only.graph) == ((), -1.5, 0.0)
