"""Samples that a program hands over, in place of a file: whether they are what a network takes."""

import numpy as np
import numpy.typing as npt

from pyspeech.data.batch import Samples
from pyspeech.errors import UserError


def checked_samples(samples_S: npt.ArrayLike, sampling_rate: int, wanted_rate: int) -> Samples:
    """One utterance as float32 [S] in -1..1.

    Raises:
        UserError: another sampling rate than the network's, or no finite floats of one channel.
    """
    if sampling_rate != wanted_rate:
        raise UserError(f"the samples have {sampling_rate} Hz, the network was trained on {wanted_rate}; resample them")
    samples = np.asarray(samples_S)
    if samples.ndim != 1 or samples.dtype.kind != "f" or not np.isfinite(samples).all():
        raise UserError(
            f"samples of shape {samples.shape} and type {samples.dtype}: expected one channel of finite floats in "
            "-1..1; take one channel, and divide integers of 16 bits by 32768"
        )
    return samples.astype(np.float32)
