"""PLDA of embeddings: a preparation after which they are nearly normal, and a two-covariance model of what comes out.

Embeddings are divided by their lengths, centred, whitened, perhaps cut down to the directions in which speakers differ
most (LDA), and divided by their lengths again, which makes their distribution more like the model's (Garcia-Romero,
Espy-Wilson 2011, https://doi.org/10.21437/Interspeech.2011-53).

The defaults are for few data, such as two hundred speakers with three utterances each, fewer than an embedding has
numbers squared: the covariance that whitens is shrunk by the rule of Ledoit and Wolf, which has nothing to choose and
fades with more data; the model has a prior (see :func:`pyspeech.speakers.two_covariance.steps`); and there is no LDA.
LDA picks directions by the very speakers on which the model is fitted next, and so makes it far too sure: on 100
speakers left out of the 248 of a training set (spectra of 4 s of VoxCeleb1 as embeddings of 192 numbers),
log-likelihood ratios cost 0.1 bits a trial without LDA, 0.7 with 100 directions, 2.7 with 37; and 15 without a prior.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyspeech.arrays import TEXT, Array, check_form, check_names, check_range, read_npz
from pyspeech.errors import UserError
from pyspeech.files import complete, existing_file
from pyspeech.speakers.backends import Floats, Vectors
from pyspeech.speakers.embeddings import Embeddings, Space, unit_rows
from pyspeech.speakers.two_covariance import Statistics, TwoCovariance, fit, statistics

MAX_BYTES = 1 << 30  # of a PLDA
LARGEST = 1e100  # number in it, of either sign: products stay finite
ASYMMETRY = 1e-6  # of a covariance, by rounding, of its largest number
SPEAKERS_NEEDED = 2  # with two utterances each: less says nothing of how speakers, and how utterances, differ

_BLOCK = 1 << 14  # utterances that are held in double precision
# In the file.
_SHAPES = {
    "mean": ("width",),
    "projection": ("width", "kept"),
    "centre": ("kept",),
    "between": ("kept", "kept"),
    "within": ("kept", "kept"),
}
_TEXTS = ("speakers", "origin")


@dataclass(frozen=True)
class Plda:
    """The preparation, the model after it, and whose utterances they were fitted to.

    ``mean_D`` is float64[D], ``projection_DE`` float64[D, E], E at most D; the model has E numbers.
    ``origin`` is that of the embeddings.
    """

    mean_D: Floats
    projection_DE: Floats
    model: TwoCovariance
    speakers: tuple[str, ...]
    origin: str

    @property
    def space(self) -> Space:
        """Of the embeddings that it can score."""
        return self.origin, len(self.mean_D)

    def vectors(self, rows_ND: NDArray[np.floating[Any]]) -> Vectors:
        """Return embeddings of this space, none of them zero, as vectors scored by natural log-likelihood ratios."""
        return self.model.vectors(_prepared(unit_rows(rows_ND), self.mean_D, self.projection_DE).astype(np.float64))


def train_plda(embeddings: Embeddings, lda: int | None = None) -> Plda:
    """Fit a PLDA.

    Args:
        embeddings: At least two speakers with two utterances each. Other speakers may have one.
        lda: How many directions to keep; all without it.

    Raises:
        UserError: too few speakers, a speaker who is unknown, more directions than there are, or embeddings all alike.
    """
    speakers = embeddings.by_speaker()
    repeated = sum(len(places) > 1 for places in speakers.values())
    if repeated < SPEAKERS_NEEDED:
        raise UserError(
            f"{len(embeddings.ids)} embeddings of {len(speakers)} speakers, {repeated} of them with two utterances or "
            f"more; a PLDA needs {SPEAKERS_NEEDED} such speakers, and many are better"
        )
    width = embeddings.rows_ND.shape[1]
    most = min(width, len(speakers) - 1)
    if lda is not None and not 1 <= lda <= most:
        raise UserError(f"--lda {lda}: {len(speakers)} speakers with {width} numbers differ in 1 to {most} directions")
    unit_ND = unit_rows(embeddings.rows_ND)
    mean_D = unit_ND.mean(axis=0, dtype=np.float64)
    covariance_DD = shrunk_covariance(unit_ND, mean_D)
    variances_D, directions_DD = np.linalg.eigh(covariance_DD)
    # Of unit vectors that are all one, nothing is left but rounding.
    if variances_D[0] < np.finfo(np.float32).eps ** 2:
        raise UserError("the embeddings are all alike; look at what the network learnt, and embed again")
    projection_DE = directions_DD / np.sqrt(variances_D)
    if lda is not None:
        white_ND = _prepared(unit_ND, mean_D, projection_DE, normalise=False)
        projection_DE = projection_DE @ _discriminants(statistics(white_ND, speakers.values()), lda)
    prepared_NE = _prepared(unit_ND, mean_D, projection_DE)
    model = fit(statistics(prepared_NE, speakers.values()))
    return Plda(mean_D, projection_DE, model, tuple(sorted(speakers)), embeddings.origin)


def shrunk_covariance(rows_ND: NDArray[np.floating[Any]], mean_D: Floats) -> Floats:
    """Return the covariance float64[D, D] of rows around their mean, shrunk towards a multiple of the identity.

    How far, minimises the expected squared error: Ledoit, Wolf 2004, https://doi.org/10.1016/S0047-259X(03)00096-4,
    whose letters these are.
    """
    count, width = rows_ND.shape
    S_DD, fourth = np.zeros((width, width)), 0.0
    for start in range(0, count, _BLOCK):
        centred_ND = rows_ND[start : start + _BLOCK] - mean_D
        S_DD += centred_ND.T @ centred_ND / count
        fourth += float(((centred_ND**2).sum(axis=1) ** 2).sum())
    target_DD = np.trace(S_DD) / width * np.eye(width)
    d2 = float(((S_DD - target_DD) ** 2).sum())
    b2 = min(d2, max(0.0, (fourth / count - float((S_DD**2).sum())) / count))
    part = b2 / d2 if d2 else 1.0
    shrunk_DD: Floats = part * target_DD + (1 - part) * S_DD
    return shrunk_DD


def save_plda(plda: Plda, path: Path) -> None:
    """Write the file that :func:`load_plda` reads."""
    model = plda.model
    with complete(path) as partial, partial.open("wb") as stream:
        np.savez(
            stream,
            mean=plda.mean_D,
            projection=plda.projection_DE,
            centre=model.mean_D,
            between=model.between_DD,
            within=model.within_DD,
            speakers=np.array(plda.speakers),
            origin=np.array(plda.origin),
        )


def load_plda(path: Path) -> Plda:
    """Read a file that :func:`save_plda` wrote.

    Raises:
        UserError: it is missing or damaged, or another kind of file.
    """
    try:
        arrays = read_npz(existing_file(path, "PLDA"), (*_SHAPES, *_TEXTS), MAX_BYTES)
        speakers = _check(arrays)
    except ValueError as error:
        raise UserError(f"{path} is no PLDA or damaged ({error}); make it again with pyspeech plda") from error
    model = TwoCovariance(arrays["centre"], arrays["between"], arrays["within"])
    return Plda(arrays["mean"], arrays["projection"], model, speakers, str(arrays["origin"]))


def _check(arrays: dict[str, Array]) -> tuple[str, ...]:
    """Make sure that these are the parts of a PLDA, and return the names of its speakers."""
    check_form("projection", arrays["projection"], "float64", None, None)
    width, kept = arrays["projection"].shape
    if not 1 <= kept <= width:
        raise ValueError(f"array 'projection': {width} numbers become {kept}")
    lengths = {"width": width, "kept": kept}
    for name, dimensions in _SHAPES.items():
        check_form(name, arrays[name], "float64", *(lengths[each] for each in dimensions))
        check_range(name, arrays[name], -LARGEST, LARGEST)
    for name in ("between", "within"):
        matrix_DD = arrays[name]
        symmetric = np.allclose(matrix_DD, matrix_DD.T, rtol=0, atol=ASYMMETRY * float(np.abs(matrix_DD).max()))
        if not symmetric or np.linalg.eigvalsh(matrix_DD)[0] <= 0:
            raise ValueError(f"array '{name}': no covariance")
    check_form("origin", arrays["origin"], TEXT)
    check_names("origin", arrays["origin"][None])
    return check_names("speakers", arrays["speakers"])


def _prepared(
    unit_ND: NDArray[np.floating[Any]], mean_D: Floats, projection_DE: Floats, normalise: bool = True
) -> NDArray[np.float32]:
    """Centre and project unit vectors, and divide them by their lengths."""
    prepared_NE = np.empty((len(unit_ND), projection_DE.shape[1]), dtype=np.float32)
    for start in range(0, len(unit_ND), _BLOCK):
        block_NE = (unit_ND[start : start + _BLOCK] - mean_D) @ projection_DE
        if normalise:
            lengths_N = np.linalg.norm(block_NE, axis=1, keepdims=True)
            block_NE /= np.where(lengths_N > 0, lengths_N, 1)  # the mean itself has no direction
        prepared_NE[start : start + _BLOCK] = block_NE
    return prepared_NE


def _discriminants(data: Statistics, count: int) -> Floats:
    """Return the ``count`` directions, float64[D, count], in which the means of speakers differ most.

    As the data are white, these are those of LDA: what is not between speakers is within them.
    """
    centred_KD = data.means_KD - data.counts_K @ data.means_KD / data.counts_K.sum()
    between_DD = (data.counts_K[:, None] * centred_KD).T @ centred_KD
    return np.linalg.eigh(between_DD)[1][:, ::-1][:, :count]
