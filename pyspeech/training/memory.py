"""A batch that does not fit into the memory: how it is known, and what is computed instead of it."""

from dataclasses import dataclass

import torch

from pyspeech.data.batch import Batch

# What torch's and CUDA's libraries say where they raise a RuntimeError like any other.
TEXTS = (
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
    "ALLOC_FAILED",  # CUDNN_STATUS_, CUBLAS_STATUS_, CUFFT_
    "ALLOCATION_FAILED",  # of cuDNN 9
    "CUDA error: out of memory",
    # Of convolutions: what cuDNN 7 and 8 make of it when they find no memory for any of their ways.
    "Unable to find a valid cuDNN algorithm to run convolution",
    "unable to find an engine to execute this computation",
)


@dataclass(frozen=True)
class Piece:
    """A batch, or one half of it, or of that. ``path``: the batch's number in its epoch, then 0 or 1 at each split."""

    path: tuple[int, ...]
    batch: Batch

    @property
    def share(self) -> float:
        """Of the batch, 0 to 1."""
        return 0.5 ** (len(self.path) - 1)

    @property
    def number(self) -> int:
        """Of the batch in its epoch."""
        return self.path[0]

    def split(self) -> list["Piece"]:
        """Return its halves; nothing where it is one utterance."""
        if len(self.batch.ids) < 2:
            return []
        return [Piece((*self.path, side), half) for side, half in enumerate(self.batch.halves())]


def is_out_of_memory(error: Exception) -> bool:
    """Whether this says that memory could not be had, on a GPU or the CPU."""
    if isinstance(error, torch.cuda.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in TEXTS)
