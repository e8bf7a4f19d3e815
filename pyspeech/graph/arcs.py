"""A transducer as plain arrays, the form in which lexicon and grammar are built before k2 takes over."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import k2

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]
FINAL_LABEL = -1  # k2's label of every arc into the final state


@dataclass(frozen=True)
class Arcs:
    """Arcs sorted by source; state 0 is the start and the highest state the only final one.

    Args:
        source, target, label: int32 [A].
        score: float32 [A], natural logarithms.
        output: int32 [A], output labels; None for an acceptor.
    """

    source: Ints
    target: Ints
    label: Ints
    score: Floats
    output: Ints | None = None

    @property
    def num_states(self) -> int:
        """Number of states, the final one included."""
        return int(self.target.max()) + 1

    def to_fsa(self) -> "k2.Fsa":
        """Return the same as a k2 FSA on CPU, with ``aux_labels`` where there is an output."""
        import k2
        import torch

        columns = [self.source, self.target, self.label, self.score.view(np.int32)]
        arcs = torch.from_numpy(np.stack(columns, axis=1))
        return k2.Fsa(arcs, aux_labels=None if self.output is None else torch.from_numpy(self.output))
