"""Random generators that begin anew wherever a training may be resumed."""

import random

import numpy as np
import torch

from pyspeech.files import digest


def seed_everything(*parts: int) -> None:
    """Start all random generators from ``parts``, so that different parts give unrelated sequences."""
    seed = int(digest(*parts), 16)
    torch.manual_seed(seed % 2**63)  # CUDA devices too
    np.random.seed(seed % 2**32)
    random.seed(seed)
