"""Random numbers that depend on names alone, whatever was drawn before."""

import numpy as np

from pyspeech.files import digest


def generator_of(*parts: object) -> np.random.Generator:
    """Return a generator of equal numbers for equal parts; see :func:`pyspeech.files.digest`."""
    return np.random.default_rng(int(digest(*parts), 16))
