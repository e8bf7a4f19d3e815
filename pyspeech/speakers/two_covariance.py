"""The two-covariance model: a speaker is a point, drawn around the mean of all; utterances lie around their speaker.

Brümmer, de Villiers 2010, "The speaker partitioning problem" (https://www.isca-archive.org/odyssey_2010/); Sizov, Lee,
Kinnunen 2014, https://doi.org/10.1007/978-3-662-44415-3_47, where it is the two-covariance variant of PLDA. Letters:
N utterances, K speakers, n_k utterances of speaker k, D numbers each; B between-speaker, W within-speaker covariance.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyspeech.speakers.backends import Floats, Vectors

MAX_STEPS = 100
LEAST_GAIN = 0.1  # nats of the posterior density: less would not tell one model from another

_LEAST_VARIANCE = 1e-6  # of the prior, relative to the variance of all utterances: keeps B and W invertible


@dataclass(frozen=True)
class TwoCovariance:
    """Mean float64[D], covariance between speakers and within a speaker, float64[D, D], both positive definite."""

    mean_D: Floats
    between_DD: Floats
    within_DD: Floats

    def vectors(self, rows_ND: Floats) -> Vectors:
        """Return utterances as vectors whose score is the log-likelihood ratio: natural, one speaker against two.

        Where W is the identity and B is diagonal (b), the ratio of N([x, y]; [[b+1, b], [b, b+1]]) to
        N(x; b+1) N(y; b+1) is, for each number, the exponential of
        log(1+b) - log(1+2b) / 2 + xy b / (1+2b) - (x² + y²) b² / (2 (1+b) (1+2b)).
        """
        axes_DD, between_D = self.diagonal()
        centred_ND = (rows_ND - self.mean_D) @ axes_DD
        weights_D = between_D**2 / ((1 + between_D) * (1 + 2 * between_D))
        constant = np.log1p(between_D).sum() - np.log1p(2 * between_D).sum() / 2
        offsets_N = (constant - centred_ND**2 @ weights_D) / 2
        return Vectors(centred_ND * np.sqrt(between_D / (1 + 2 * between_D)), offsets_N)

    def diagonal(self) -> tuple[Floats, Floats]:
        """Return axes_DD and between_D such that axes.T @ W @ axes is the identity, and axes.T @ B @ axes diagonal."""
        variances_D, directions_DD = np.linalg.eigh(self.within_DD)
        whitening_DD = directions_DD / np.sqrt(variances_D)
        between_D, rotation_DD = np.linalg.eigh(whitening_DD.T @ self.between_DD @ whitening_DD)
        return whitening_DD @ rotation_DD, np.maximum(between_D, 0)


@dataclass(frozen=True)
class Statistics:
    """All that the model needs of its utterances: of each speaker n_k and the mean, and the scatter around the means.

    ``counts_K`` is float64[K], ``means_KD`` float64[K, D], ``scatter_DD`` the sum over utterances of
    (x - mean) (x - mean).T.
    """

    counts_K: Floats
    means_KD: Floats
    scatter_DD: Floats


def statistics(rows_ND: NDArray[np.floating[Any]], speakers: Iterable[list[int]]) -> Statistics:
    """Gather what the model needs; ``speakers`` gives each speaker's rows."""
    width = rows_ND.shape[1]
    counts, means, scatter_DD = [], [], np.zeros((width, width))
    for places in speakers:
        own_ND = rows_ND[places].astype(np.float64)
        mean_D = own_ND.mean(axis=0)
        counts.append(float(len(places)))
        means.append(mean_D)
        if len(places) > 1:
            scatter_DD += (own_ND - mean_D).T @ (own_ND - mean_D)
    return Statistics(np.array(counts), np.stack(means), scatter_DD)


def fit(data: Statistics) -> TwoCovariance:
    """Fit the model, by as many :func:`steps` as gain something.

    There are at least two speakers, one of them with two utterances.
    """
    before = -np.inf
    for model, log_density in steps(data):
        if log_density - before < LEAST_GAIN:
            return model
        before = log_density
    return model


def steps(data: Statistics) -> Iterator[tuple[TwoCovariance, float]]:
    """Yield ``MAX_STEPS`` models, each an EM step after the one before, and their logarithmic posterior densities.

    The first is the prior's: B and W are multiples of the identity, with the variances that the data have on average.
    The prior is worth D utterances and D speakers of just these covariances (an inverse Wishart distribution): as many
    as are needed to make a D x D covariance invertible. So where data are few, scores tend to the plain inner product,
    rather than to directions in which a few speakers happen to vary little; where they are many, it does not matter.
    """
    prior_between, prior_within = _isotropic(data)
    identity_DD = np.eye(data.means_KD.shape[1])
    model = TwoCovariance(data.means_KD.mean(axis=0), prior_between * identity_DD, prior_within * identity_DD)
    for _ in range(MAX_STEPS):
        yield model, log_posterior(model, data)
        model = _step(model, data, prior_between, prior_within)


def log_posterior(model: TwoCovariance, data: Statistics) -> float:
    """Return the natural logarithm of the utterances' density, times the prior's up to its constant."""
    prior_between, prior_within = _isotropic(data)
    width = len(model.mean_D)
    axes_DD, between_D = model.diagonal()
    counts_K1 = data.counts_K[:, None]
    centred_KD = (data.means_KD - model.mean_D) @ axes_DD
    log_within = -2 * np.linalg.slogdet(axes_DD)[1]
    log_between = log_within + np.log(between_D).sum()
    likelihood = -(
        data.counts_K.sum() * (width * np.log(2 * np.pi) + log_within)
        + np.log1p(counts_K1 * between_D).sum()
        + (axes_DD * (data.scatter_DD @ axes_DD)).sum()
        + (counts_K1 * centred_KD**2 / (1 + counts_K1 * between_D)).sum()
    )
    squares_D = (axes_DD**2).sum(axis=0)  # the inverse of W is axes @ axes.T
    prior = -width * (
        log_within + prior_within * squares_D.sum() + log_between + prior_between * (squares_D / between_D).sum()
    )
    return float(likelihood + prior) / 2


def _step(model: TwoCovariance, data: Statistics, prior_between: float, prior_within: float) -> TwoCovariance:
    """One EM step, in the space where W is the identity and B diagonal, so that each number stands for itself."""
    axes_DD, between_D = model.diagonal()
    counts_K1 = data.counts_K[:, None]
    centred_KD = (data.means_KD - model.mean_D) @ axes_DD
    precision_KD = 1 + counts_K1 * between_D  # times b, as b may be 0
    expected_KD = centred_KD * counts_K1 * between_D / precision_KD  # the speaker's point, and its variance
    variance_KD = between_D / precision_KD
    shift_D = expected_KD.mean(axis=0)
    speakers_KD = expected_KD - shift_D
    missed_KD = np.sqrt(counts_K1) * (centred_KD - expected_KD)
    between_DD = speakers_KD.T @ speakers_KD + np.diag(variance_KD.sum(axis=0))
    within_DD = missed_KD.T @ missed_KD + np.diag((counts_K1 * variance_KD).sum(axis=0))
    back_DD = np.linalg.inv(axes_DD)
    width = len(model.mean_D)
    identity_DD = np.eye(width)
    return TwoCovariance(
        model.mean_D + shift_D @ back_DD,
        (back_DD.T @ between_DD @ back_DD + width * prior_between * identity_DD) / (len(data.counts_K) + width),
        (back_DD.T @ within_DD @ back_DD + data.scatter_DD + width * prior_within * identity_DD)
        / (data.counts_K.sum() + width),
    )


def _isotropic(data: Statistics) -> tuple[float, float]:
    """Average variance of a number between and within speakers: unbiased for both, but no less than needed."""
    counts_K, width = data.counts_K, data.means_KD.shape[1]
    within = np.trace(data.scatter_DD) / width / (counts_K.sum() - len(counts_K))
    of_means = data.means_KD.var(axis=0, ddof=1).mean()  # those of the speakers and what is left of W
    least = _LEAST_VARIANCE * (within + of_means)
    return float(max(of_means - within * (1 / counts_K).mean(), least)), float(max(within, least))
