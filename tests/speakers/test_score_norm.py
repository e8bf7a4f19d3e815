import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.errors import UserError
from pyspeech.speakers import score_norm
from pyspeech.speakers.backends import Vectors
from pyspeech.speakers.embeddings import Embeddings
from pyspeech.speakers.score_norm import cohort_statistics, speaker_means
from tests.speakers.test_backends import some_vectors


def score(left, i, right, j):
    return float(left.rows_ND[i] @ right.rows_ND[j] + left.offsets_N[i] + right.offsets_N[j])


def by_definition(vectors, cohort, top, i, j):
    """AS-norm of one trial: both utterances against the whole cohort, sorted."""
    parts = []
    for place in (i, j):
        best = sorted(score(vectors, place, cohort, k) for k in range(len(cohort)))[-top:]
        parts.append((score(vectors, i, vectors, j) - statistics.mean(best)) / statistics.pstdev(best))
    return sum(parts) / 2


@given(st.integers(0, 999), st.integers(2, 9), st.integers(2, 12))
def test_equals_the_definition(seed, size, top):
    vectors, cohort = some_vectors(seed, 4), some_vectors(seed + 1, size)
    left, right = np.array([0, 1, 2, 3, 0]), np.array([1, 2, 0, 3, 3])
    found = cohort_statistics(vectors, cohort, top).normalised(vectors.scores(left, right), left, right)
    expected = [by_definition(vectors, cohort, top, i, j) for i, j in zip(left, right, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@given(st.integers(0, 99), st.floats(0.1, 9), st.floats(-9, 9))
def test_scores_that_are_stretched_and_shifted_come_out_the_same(seed, stretch, shift):
    def moved(vectors):
        return Vectors(vectors.rows_ND * stretch**0.5, vectors.offsets_N * stretch + shift / 2)

    vectors, cohort = some_vectors(seed, 3), some_vectors(seed + 1, 6)
    left, right = np.array([0, 1]), np.array([1, 2])
    before, after = (
        cohort_statistics(one, other, 4).normalised(one.scores(left, right), left, right)
        for one, other in ((vectors, cohort), (moved(vectors), moved(cohort)))
    )
    np.testing.assert_allclose(after, before, rtol=1e-6)


@pytest.mark.parametrize("block", [1, 10, 1000])
def test_statistics_do_not_depend_on_the_block(monkeypatch, block):
    vectors, cohort = some_vectors(0, 9), some_vectors(1, 5)
    whole = cohort_statistics(vectors, cohort, 3)
    monkeypatch.setattr(score_norm, "_BLOCK_SCORES", block)
    found = cohort_statistics(vectors, cohort, 3)
    np.testing.assert_allclose(found.means_N, whole.means_N)
    np.testing.assert_allclose(found.deviations_N, whole.deviations_N)


def test_a_cohort_of_copies_is_an_error():
    one = some_vectors(1, 1)
    copies = Vectors(np.repeat(one.rows_ND, 3, axis=0), np.repeat(one.offsets_N, 3))
    with pytest.raises(UserError, match="the 2 best scores of an utterance against the cohort are all the same"):
        cohort_statistics(some_vectors(0, 4), copies, 2)


def embeddings(speakers, rows):
    return Embeddings(tuple(f"utt{i}" for i in range(len(rows))), tuple(speakers), np.array(rows, np.float32), "net")


def test_a_speaker_is_the_mean_of_directions():
    # The longer of x's embeddings counts no more than the other.
    found = speaker_means(embeddings("xyx", [[9, 0], [0, 5], [0, 1]]))
    np.testing.assert_allclose(found, [[0.5**0.5, 0.5**0.5], [0, 1]], rtol=1e-6)


@pytest.mark.parametrize(
    ("speakers", "rows", "message"),
    [
        ("xx", [[1, 0], [0, 1]], r"a cohort of one speaker \(x\) has no spread"),
        (["x", ""], [[1, 0], [0, 1]], "the embedding of utt1 names no speaker"),
        ("xyy", [[1, 0], [0, 1], [0, -2]], "speaker y cancel each other out"),
    ],
)
def test_what_makes_no_cohort_is_named(speakers, rows, message):
    with pytest.raises(UserError, match=message):
        speaker_means(embeddings(speakers, rows))
