"""Cross-entropy of a linear layer on the embedding."""

from torch import Tensor, nn
from torch.nn import functional

from pyspeech.models.contract import OutputPer


class Softmax(nn.Module):
    """Embeddings ``[B, D]`` and targets ``[B]`` -> losses ``[B]``."""

    output_per: OutputPer = "utterance"
    utterances_needed = 1

    def __init__(self, *, num_inputs: int, num_outputs: int) -> None:
        super().__init__()
        self.output = nn.Linear(num_inputs, num_outputs)

    def forward(self, embeddings_BD: Tensor, targets_B: Tensor, progress: float) -> Tensor:
        return functional.cross_entropy(self.logits(embeddings_BD), targets_B, reduction="none")

    def logits(self, embeddings_BD: Tensor) -> Tensor:
        """Unnormalised log-probabilities ``[B, V]``."""
        logits_BV: Tensor = self.output(embeddings_BD)
        return logits_BV
