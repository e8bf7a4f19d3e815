import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from pyspeech.speakers.two_covariance import TwoCovariance, fit, log_posterior, statistics, steps

SEEDS, WIDTHS = st.integers(0, 9999), st.integers(1, 4)


def covariance(generator, width):
    root = generator.normal(size=(width, width))
    return root @ root.T + 0.1 * np.eye(width)


def some_model(seed, width):
    generator = np.random.default_rng(seed)
    between, within = covariance(generator, width), covariance(generator, width)
    return TwoCovariance(generator.normal(size=width), between, within)


def draw(model, counts, seed):
    """Utterances of speakers who have so many each, and the rows of each speaker."""
    generator = np.random.default_rng(seed)
    points = generator.multivariate_normal(model.mean_D, model.between_DD, size=len(counts))
    speaker_of = np.repeat(np.arange(len(counts)), counts)
    noise = generator.multivariate_normal(np.zeros(len(model.mean_D)), model.within_DD, size=len(speaker_of))
    return points[speaker_of] + noise, [np.flatnonzero(speaker_of == k).tolist() for k in range(len(counts))]


def of_one_speaker(model, rows):
    """Log density of a speaker's utterances, as one long vector."""
    count = len(rows)
    joint = np.kron(np.ones((count, count)), model.between_DD) + np.kron(np.eye(count), model.within_DD)
    return multivariate_normal(np.tile(model.mean_D, count), joint).logpdf(rows.ravel())


@given(SEEDS, WIDTHS)
def test_a_score_is_the_log_likelihood_ratio(seed, width):
    model = some_model(seed, width)
    rows = np.random.default_rng(seed).normal(size=(4, width)) * 3
    left, right = np.array([0, 1, 2, 2]), np.array([1, 2, 3, 2])
    expected = [
        of_one_speaker(model, rows[[i, j]]) - of_one_speaker(model, rows[[i]]) - of_one_speaker(model, rows[[j]])
        for i, j in zip(left, right, strict=True)
    ]
    np.testing.assert_allclose(model.vectors(rows).scores(left, right), expected, rtol=1e-6, atol=1e-6)


@given(SEEDS, WIDTHS)
def test_axes_make_one_covariance_the_identity_and_the_other_diagonal(seed, width):
    model = some_model(seed, width)
    axes, between = model.diagonal()
    np.testing.assert_allclose(axes.T @ model.within_DD @ axes, np.eye(width), atol=1e-8)
    np.testing.assert_allclose(axes.T @ model.between_DD @ axes, np.diag(between), atol=1e-6 * between.max())


COUNTS = st.lists(st.integers(1, 4), min_size=2, max_size=7).filter(lambda counts: max(counts) > 1)


@given(SEEDS, WIDTHS, COUNTS)
def test_the_posterior_of_a_model_is_that_of_its_definition(seed, width, counts):
    rows, speakers = draw(some_model(seed, width), counts, seed)
    data = statistics(rows, speakers)
    prior = next(iter(steps(data)))[0]  # its covariances are the prior's

    def by_definition(model):
        total = sum(of_one_speaker(model, rows[places]) for places in speakers)
        for found, expected in ((model.between_DD, prior.between_DD), (model.within_DD, prior.within_DD)):
            # As many observations as there are numbers, whose covariance is the expected one.
            total -= width / 2 * (np.linalg.slogdet(found)[1] + np.trace(np.linalg.solve(found, expected)))
        return total

    for model in (prior, some_model(seed + 1, width), some_model(seed + 2, width)):
        assert log_posterior(model, data) == pytest.approx(by_definition(model), rel=1e-6, abs=1e-6)


@given(SEEDS, WIDTHS, COUNTS)
def test_a_step_never_loses(seed, width, counts):
    data = statistics(*draw(some_model(seed, width), counts, seed))
    found = [value for _, (_, value) in zip(range(30), steps(data), strict=False)]
    assert min(np.diff(found)) > -1e-7 * (1 + abs(found[0]))


@pytest.mark.parametrize("seed", [0, 1])
def test_the_model_that_made_the_data_is_found_again(seed):
    made = some_model(seed, 3)
    counts = np.random.default_rng(seed).integers(1, 6, 8000)
    found = fit(statistics(*draw(made, counts, seed)))
    between = np.trace(made.between_DD)
    np.testing.assert_allclose(found.mean_D, made.mean_D, atol=0.05 * between**0.5)
    np.testing.assert_allclose(found.within_DD, made.within_DD, atol=0.04 * np.trace(made.within_DD))
    np.testing.assert_allclose(found.between_DD, made.between_DD, atol=0.06 * between)


def test_copies_of_utterances_make_a_model_all_the_same():
    rows = np.repeat(np.random.default_rng(0).normal(size=(3, 4)), 2, axis=0)
    model = fit(statistics(rows, [[0, 1], [2, 3], [4, 5]]))
    assert np.linalg.eigvalsh(model.within_DD)[0] > 0
    assert np.isfinite(model.vectors(rows).scores(np.array([0]), np.array([1]))).all()


def test_statistics_are_those_of_each_speaker():
    data = statistics(np.array([[1.0, 2], [5, 5], [3, 0]]), [[0, 2], [1]])
    assert data.counts_K.tolist() == [2, 1]
    assert data.means_KD.tolist() == [[2, 1], [5, 5]]
    assert data.scatter_DD.tolist() == [[2, -2], [-2, 2]]
