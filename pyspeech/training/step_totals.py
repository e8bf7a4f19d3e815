"""What steps add up to between two validations."""

from dataclasses import astuple, dataclass

from pyspeech.tasks.counts import mean_loss


@dataclass(frozen=True)
class Sums:
    """Sums over steps and processes. ``wall`` and ``data_wait`` are seconds of time, the latter a mean over processes.

    Args:
        loss: Of the utterances; divided by ``weight`` it is what is learnt from.
        seconds: Of audio.
        data_wait: In which there was no batch to compute on.
        overflows: Steps that were left out because their gradients were too large for fp16 at its loss scale.
    """

    loss: float = 0.0
    weight: float = 0.0
    seconds: float = 0.0
    wall: float = 0.0
    data_wait: float = 0.0
    overflows: int = 0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(*(left + right for left, right in zip(astuple(self), astuple(other), strict=True)))

    @property
    def mean_loss(self) -> float:
        """Loss per unit of weight.

        Raises:
            UserError: nothing was counted.
        """
        return mean_loss(self.loss, self.weight)
