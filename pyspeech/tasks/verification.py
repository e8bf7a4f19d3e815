"""Speaker verification: embeddings that are alike for one speaker, learnt by telling the speakers of train apart."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pyspeech.config import Config
from pyspeech.data.batch import Batch
from pyspeech.errors import UserError
from pyspeech.lang.labels import LabelTable, load_labels
from pyspeech.losses import loss_class
from pyspeech.models.contract import OutputPer
from pyspeech.speakers.backends import cosine_vectors
from pyspeech.speakers.calibration import min_cllr
from pyspeech.speakers.error_rates import equal_error_rate
from pyspeech.speakers.trials import Trial, make_trials, read_speakers
from pyspeech.speeds import speaker_at
from pyspeech.tasks.counts import Counts
from pyspeech.tasks.network import NetworkWithLoss, device_of, loss_of
from pyspeech.tasks.task import Table
from pyspeech.transcripts import Transcript


@dataclass(frozen=True)
class DevTrials:
    """What cosines reach on trials of dev: their minimal Cllr in bits (chance: 1), and their equal error rate."""

    mean_loss: float
    error_rate: float


class VerificationTask:
    """Training with an output for every speaker at every speed; dev is measured by ``trials`` of its own speakers.

    A speaker's voice at another speed is another voice (Povey et al., https://arxiv.org/abs/2007.09247, section 3).
    """

    error_name = "equal_error_rate"
    left_out_reason = "no other utterance of its speaker in the batch"
    output_per: OutputPer = "utterance"
    table: Table = "labels"

    def __init__(self, labels: LabelTable, speeds: Sequence[float], trials: Sequence[Trial]) -> None:
        self.labels = labels
        self._ids = {name: id_ for id_, name in enumerate(_voices(labels, speeds))}
        self.trials = trials

    @classmethod
    def load(cls, folder: Path, config: Config, dev: Path) -> "VerificationTask":
        """Make the task from a table of the speakers that train, and the trials from the manifest ``dev``.

        Raises:
            UserError: a file is missing or damaged, the table is not of speakers, dev makes no trials, or batches have
                fewer utterances of a speaker than the loss needs.
        """
        if config.speakers is None:
            raise UserError("task: verification needs the section 'speakers'; include speakers in the configuration")
        needed = getattr(loss_class(config.loss), "utterances_needed", 1)  # that of frames is refused with the network
        if config.speakers.utterances_each < needed:
            raise UserError(
                f"speakers.utterances_each = {config.speakers.utterances_each}: the loss {config.loss['name']} "
                f"compares the utterances of a speaker within a batch; set it to {needed} or more"
            )
        labels = load_labels(folder)
        if labels.field != "speaker":
            remedy = "verification needs pyspeech labels --field speaker"
            raise UserError(f"{folder} is a table of {labels.field}s; {remedy}")
        try:
            trials = make_trials(read_speakers(dev))
        except UserError as error:
            raise UserError(f"{dev} cannot be measured on: {error}") from error
        return cls(labels, config.augment.speeds, trials)

    @property
    def num_outputs(self) -> int:
        """One output a speaker and speed."""
        return len(self._ids)

    @staticmethod
    def output_names(folder: Path, config: Config) -> tuple[str, ...]:
        """Return the speakers of a table, at each of the speeds."""
        return _voices(load_labels(folder), config.augment.speeds)

    def target(self, transcript: Transcript) -> str:
        """Return the speaker of an utterance.

        Raises:
            UserError: it has none, or one that the table lacks.
        """
        self.labels.id_of(self.dev_target(transcript))
        return transcript.speaker

    def dev_target(self, transcript: Transcript) -> str:
        """Return the speaker of an utterance, whom the table may lack.

        Raises:
            UserError: it has none.
        """
        if not transcript.speaker:
            raise UserError("no speaker is given; give every utterance one")
        return transcript.speaker

    def summaries(self, manifest: Path) -> Mapping[str, str]:
        """Return what the folder of a training keeps of its training manifest: nothing."""
        return {}

    def loss(self, model: NetworkWithLoss, batch: Batch, progress: float) -> tuple[Tensor, Counts]:
        """Sum of the utterances' losses, and its counts; the weight is the number of utterances."""
        embeddings_BD = model(batch.features_BTF.to(device_of(model)), batch.lengths_B)
        targets = [self._ids[speaker] for speaker in batch.speakers]
        return loss_of(model, embeddings_BD, batch.ids, targets, progress)

    def evaluate(self, model: NetworkWithLoss, batches: Iterable[Batch]) -> DevTrials:
        """Score the trials of dev by the cosine of their embeddings."""
        ids: list[str] = []
        rows: list[Tensor] = []
        with torch.no_grad():
            for batch in batches:
                ids += batch.ids
                rows.append(model(batch.features_BTF.to(device_of(model)), batch.lengths_B).to("cpu"))
        places = {id_: place for place, id_ in enumerate(ids)}
        left_T = np.array([places[trial.left] for trial in self.trials])
        right_T = np.array([places[trial.right] for trial in self.trials])
        scores = cosine_vectors(torch.cat(rows).numpy()).scores(left_T, right_T)
        targets = [trial.target for trial in self.trials]
        return DevTrials(min_cllr(scores, targets), equal_error_rate(scores, targets))


def _voices(labels: LabelTable, speeds: Sequence[float]) -> tuple[str, ...]:
    return tuple(speaker_at(speaker, speed) for speaker in labels.labels for speed in speeds)
