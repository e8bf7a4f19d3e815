import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.speakers import backends
from pyspeech.speakers.backends import Vectors, cosine_vectors


def some_vectors(seed, count, width=3):
    generator = np.random.default_rng(seed)
    return Vectors(generator.normal(size=(count, width)), generator.normal(size=count))


def test_cosines_are_those_of_the_angles():
    vectors = cosine_vectors(np.array([[1, 0], [3, 3], [0, -2]], np.float32))
    found = vectors.scores(np.array([0, 0, 1, 1]), np.array([1, 2, 2, 1]))
    np.testing.assert_allclose(found, [0.5**0.5, 0, -(0.5**0.5), 1], atol=1e-12)


@given(st.integers(0, 99), st.integers(1, 5), st.integers(1, 5))
def test_all_pairs_score_as_each_pair_does(seed, count, others):
    left, right = some_vectors(seed, count), some_vectors(seed + 1, others)
    found = left.scores_against(right)
    for i in range(count):
        for j in range(others):
            product = sum(a * b for a, b in zip(left.rows_ND[i], right.rows_ND[j], strict=True))
            assert found[i, j] == pytest.approx(product + left.offsets_N[i] + right.offsets_N[j])


@pytest.mark.parametrize("block", [1, 2, 7, 100])
def test_scores_do_not_depend_on_the_block(monkeypatch, block):
    monkeypatch.setattr(backends, "_BLOCK", block)
    vectors = some_vectors(0, 5)
    left, right = (places.ravel() for places in np.indices((5, 5)))
    np.testing.assert_allclose(vectors.scores(left, right), vectors.scores_against(vectors).ravel())


def test_a_part_scores_as_it_does_in_the_whole():
    vectors = some_vectors(0, 5)
    assert len(vectors[1:3]) == 2
    np.testing.assert_allclose(vectors[1:3].scores_against(vectors), vectors.scores_against(vectors)[1:3])
