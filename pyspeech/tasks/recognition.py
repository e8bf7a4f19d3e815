"""Speech recognition: log-probabilities of tokens against the words that were said."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import kaldialign
import torch
from torch import Tensor, nn

from pyspeech.config import Config
from pyspeech.data.batch import Batch
from pyspeech.json_files import read_json_lines
from pyspeech.lang.tokens import TokenSet, load_tokens
from pyspeech.losses.contract import FrameLoss, Pronounced, SequenceLoss
from pyspeech.models.contract import OutputPer
from pyspeech.speeds import speed_of
from pyspeech.tasks.counts import Counts
from pyspeech.tasks.network import NetworkWithLoss, device_of, load_network, refuse_speakers, trained_config
from pyspeech.tasks.task import Table
from pyspeech.transcripts import Transcript, read_transcripts

BLANK = 0
TRAIN_WORDS = "train_words.tsv"  # in the folder of a training: the words of its text


class RecognitionTask:
    """Training by a loss of frames, such as CTC, and greedy token error rate."""

    error_name = "token_error_rate"
    left_out_reason = "more tokens than output frames"
    output_per: OutputPer = "frame"
    table: Table = "lang"

    def __init__(self, tokens: TokenSet) -> None:
        self.tokens = tokens

    @classmethod
    def load(cls, folder: Path, config: Config, dev: Path) -> "RecognitionTask":  # noqa: ARG003
        """Make the task from a token set.

        Raises:
            UserError: it is missing or damaged, or the configuration is for telling speakers apart.
        """
        refuse_speakers(config)
        return cls(load_tokens(folder))

    @property
    def num_outputs(self) -> int:
        """One output a token, the blank among them."""
        return len(self.tokens.symbols)

    @staticmethod
    def output_names(folder: Path, config: Config) -> tuple[str, ...]:  # noqa: ARG004
        """Return the tokens of a token set."""
        return load_tokens(folder).symbols

    def target(self, transcript: Transcript) -> str:
        """Return the text of an utterance.

        Raises:
            UserError: no tokens spell it.
        """
        self.tokens.encode(transcript.text.split())
        return transcript.text

    dev_target = target

    def summaries(self, manifest: Path) -> Mapping[str, str]:
        """Return what the folder of a training keeps of its training manifest, by the name of the file."""
        return {TRAIN_WORDS: count_words(manifest)}

    def loss(self, model: NetworkWithLoss, batch: Batch, progress: float) -> tuple[Tensor, Counts]:
        """Sum of the utterances' losses, and its counts; the weight is the number of output frames.

        An utterance whose tokens cannot fit into its output frames has no loss: it is left out and named.
        """
        log_probs_BTV, lengths_B, targets = self._outputs(model, batch)
        return self._loss(model, batch, log_probs_BTV, lengths_B, targets, progress)

    def evaluate(self, model: NetworkWithLoss, batches: Iterable[Batch]) -> Counts:
        """Counts of the loss and of the token errors of the most likely token in every frame.

        Where the loss has a model of token sequences, of the best path through that.
        An utterance that is left out of the loss still counts for the error rate.
        """
        return sum((self._counts(model, batch) for batch in batches), Counts())

    def _counts(self, model: NetworkWithLoss, batch: Batch) -> Counts:
        with torch.no_grad():
            log_probs_BTV, lengths_B, targets = self._outputs(model, batch)
            _, counts = self._loss(model, batch, log_probs_BTV, lengths_B, targets, 1.0)
        find_tokens = model.loss.best_tokens if isinstance(model.loss, SequenceLoss) else greedy_tokens
        errors = sum(
            kaldialign.edit_distance(target, found)["total"]
            for target, found in zip(targets, find_tokens(log_probs_BTV, lengths_B), strict=True)
        )
        return counts + Counts(errors=errors, labels=sum(map(len, targets)))

    def _outputs(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor, list[Pronounced]]:
        targets = [pronounced(self.tokens, text) for text in batch.texts]
        log_probs_BTV, lengths_B = model(batch.features_BTF.to(device_of(model)), batch.lengths_B)
        return log_probs_BTV, lengths_B.to("cpu"), targets

    def _loss(
        self,
        model: NetworkWithLoss,
        batch: Batch,
        log_probs_BTV: Tensor,
        lengths_B: Tensor,
        targets: Sequence[Pronounced],
        progress: float,
    ) -> tuple[Tensor, Counts]:
        assert isinstance(model.loss, FrameLoss)
        frames = lengths_B.tolist()
        kept = [b for b, target in enumerate(targets) if model.loss.frames_needed(target) <= frames[b]]
        left_out = tuple(id_ for b, id_ in enumerate(batch.ids) if b not in set(kept))
        if not kept:
            return log_probs_BTV.sum() * 0, Counts(left_out=left_out)
        if left_out:
            log_probs_BTV, lengths_B = log_probs_BTV[kept], lengths_B[kept]
        loss = model.loss(log_probs_BTV, lengths_B, [targets[b] for b in kept], progress).sum()
        weight = int(lengths_B.sum())
        return loss, Counts(loss=float(loss.detach()), weight=weight, utterances=len(kept), left_out=left_out)


def pronounced(tokens: TokenSet, text: str) -> Pronounced:
    """Spell a text, each word in all its ways.

    Raises:
        UserError: naming the word, or the character, that no token covers.
    """
    words = text.split()
    ways = [tokens.pronunciations(word) for word in words]
    if not all(ways):
        tokens.encode(words)  # which says what is not covered
    return Pronounced(ways)


def greedy_tokens(log_probs_BTV: Tensor, lengths_B: Tensor) -> list[list[int]]:
    """Take the most likely token in every frame, then remove repeats and blanks."""
    best_BT = log_probs_BTV.argmax(dim=2).to("cpu")
    return [
        [token for token in best_BT[b, :length].unique_consecutive().tolist() if token != BLANK]
        for b, length in enumerate(lengths_B.tolist())
    ]


def train_texts(manifest: Path) -> Iterator[str]:
    """Read the text of every utterance once: of stored features, which have it at several speeds, at the first."""
    first = None
    for transcript, (_, cut) in zip(read_transcripts(manifest), read_json_lines(manifest), strict=True):
        speed = speed_of(cut)
        first = speed if first is None else first
        if speed == first:
            yield transcript.text


def count_words(manifest: Path) -> str:
    """Count the words of the training text, one a line with its count: most frequent first."""
    counts = Counter(word for text in train_texts(manifest) for word in text.split())
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return "".join(f"{word}\t{count}\n" for word, count in ordered)


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
    config = trained_config(exp)
    tokens = load_tokens(exp / RecognitionTask.table)
    model = load_network(exp, config, len(tokens.symbols), RecognitionTask.output_per, device)
    return Recogniser(config, tokens, model)
