"""Speech recognition: log-probabilities of tokens against the words that were said."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import kaldialign
import torch
from torch import Tensor, nn

from pyspeech.config import Config, load_config
from pyspeech.data.batches import Batch
from pyspeech.errors import UserError
from pyspeech.files import existing
from pyspeech.lang.tokens import TokenSet, load_tokens
from pyspeech.losses.ctc import choose_ctc_loss, frames_needed
from pyspeech.models import build_model
from pyspeech.tasks.counts import Counts
from pyspeech.training.checkpoint import read_tensors

BLANK = 0


class RecognitionTask:
    """CTC training (``ctc`` names the implementation) and greedy token error rate."""

    error_name = "token_error_rate"
    left_out_reason = "more tokens than output frames"

    def __init__(self, tokens: TokenSet, ctc: str) -> None:
        self.tokens = tokens
        self.ctc_loss = choose_ctc_loss(ctc)

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Counts]:
        """Sum of the utterances' losses, and its counts; the weight is the number of output frames.

        An utterance whose tokens cannot fit into its output frames has no loss: it is left out and named.
        """
        log_probs_BTV, lengths_B, targets = self._outputs(model, batch)
        return self._loss(batch, log_probs_BTV, lengths_B, targets)

    def evaluate(self, model: nn.Module, batch: Batch) -> Counts:
        """Counts of the loss and of the token errors of the most likely token in every frame.

        An utterance that is left out of the loss still counts for the error rate.
        """
        with torch.no_grad():
            log_probs_BTV, lengths_B, targets = self._outputs(model, batch)
            _, counts = self._loss(batch, log_probs_BTV, lengths_B, targets)
        errors = sum(
            kaldialign.edit_distance(target, found)["total"]
            for target, found in zip(targets, greedy_tokens(log_probs_BTV, lengths_B), strict=True)
        )
        return counts + Counts(errors=errors, labels=sum(map(len, targets)))

    def predict(self, model: nn.Module, batch: Batch) -> list[list[int]]:
        """Token ids of each utterance, the most likely token in every frame, repeats and blanks removed."""
        with torch.no_grad():
            log_probs_BTV, lengths_B = model(batch.features_BTF.to(_device(model)), batch.lengths_B)
        return greedy_tokens(log_probs_BTV, lengths_B)

    def _outputs(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor, list[list[int]]]:
        targets = [self.tokens.encode(text.split()) for text in batch.texts]
        log_probs_BTV, lengths_B = model(batch.features_BTF.to(_device(model)), batch.lengths_B)
        return log_probs_BTV, lengths_B.to("cpu"), targets

    def _loss(
        self, batch: Batch, log_probs_BTV: Tensor, lengths_B: Tensor, targets: Sequence[list[int]]
    ) -> tuple[Tensor, Counts]:
        frames = lengths_B.tolist()
        kept = [b for b, target in enumerate(targets) if frames_needed(target) <= frames[b]]
        left_out = tuple(id_ for b, id_ in enumerate(batch.ids) if b not in set(kept))
        if not kept:
            return log_probs_BTV.sum() * 0, Counts(left_out=left_out)
        if left_out:
            log_probs_BTV, lengths_B = log_probs_BTV[kept], lengths_B[kept]
        loss = self.ctc_loss(log_probs_BTV, lengths_B, [targets[b] for b in kept]).sum()
        weight = int(lengths_B.sum())
        return loss, Counts(loss=float(loss.detach()), weight=weight, utterances=len(kept), left_out=left_out)


def greedy_tokens(log_probs_BTV: Tensor, lengths_B: Tensor) -> list[list[int]]:
    """Take the most likely token in every frame, then remove repeats and blanks."""
    best_BT = log_probs_BTV.argmax(dim=2).to("cpu")
    return [
        [token for token in best_BT[b, :length].unique_consecutive().tolist() if token != BLANK]
        for b, length in enumerate(lengths_B.tolist())
    ]


@dataclass(frozen=True)
class Recogniser:
    """A trained network (in eval mode) with the settings it was trained with and what its outputs stand for."""

    config: Config
    tokens: TokenSet
    model: nn.Module


def load_recogniser(exp: Path, device: torch.device | str) -> Recogniser:
    """Load what :func:`pyspeech.training.experiment.run` left in ``exp``.

    Raises:
        UserError: the training is not finished, or a file is missing, damaged, or does not fit the others.
    """
    path = existing(exp / "model.safetensors", "trained model")
    config = load_config(exp / "config.yaml")
    tokens = load_tokens(exp / "lang")
    model = build_model(config.model, config.features.num_features, len(tokens.symbols))
    try:
        model.load_state_dict(read_tensors(path))
    except RuntimeError as error:
        raise UserError(f"{path} does not fit {exp / 'config.yaml'} and {exp / 'lang'}; train again") from error
    return Recogniser(config, tokens, model.to(device).eval())


def _device(model: nn.Module) -> torch.device:
    device: torch.device = next(model.parameters()).device
    return device
