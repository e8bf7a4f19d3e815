"""What a batch contributes to a loss and an error rate: counts that add, from which rates are computed."""

from dataclasses import dataclass

from pyspeech.errors import UserError


@dataclass(frozen=True)
class Counts:
    """Sums over utterances.

    loss: sum of losses. weight: what the loss is divided by (output frames for recognition).
    errors, labels: errors among so many reference labels. left_out: ids of utterances that have no loss.
    """

    loss: float = 0.0
    weight: int = 0
    errors: int = 0
    labels: int = 0
    utterances: int = 0
    left_out: tuple[str, ...] = ()

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.loss + other.loss,
            self.weight + other.weight,
            self.errors + other.errors,
            self.labels + other.labels,
            self.utterances + other.utterances,
            self.left_out + other.left_out,
        )

    @property
    def mean_loss(self) -> float:
        """Loss per unit of weight.

        Raises:
            UserError: nothing was counted.
        """
        return mean_loss(self.loss, self.weight)

    @property
    def error_rate(self) -> float:
        """Errors per reference label; against empty references every error counts as one."""
        return self.errors / max(self.labels, 1)


def mean_loss(loss: float, weight: float) -> float:
    """Return the loss per unit of weight.

    Raises:
        UserError: nothing was counted.
    """
    if weight == 0:
        raise UserError("no utterance has a loss: all of them were left out or gave non-finite losses")
    return loss / weight
