"""Batches of a training for speaker verification: crops of audio, equally many of every speaker.

An epoch has rounds. In a round every voice, which is a speaker at a speed, comes once, with some crops of its
utterances; the voices are shuffled and dealt to batches, so that those of a batch differ.
"""

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from lhotse.cut import Cut
from torch.utils.data import Dataset

from pyspeech.config import Config, SpeakersConfig
from pyspeech.data.batch import Batch
from pyspeech.data.cut_index import Reals
from pyspeech.data.epoch_plan import generator_of
from pyspeech.data.features import at_speed
from pyspeech.data.preparation import Preparation
from pyspeech.data.speaker_index import SpeakerIndex, read_speaker_index
from pyspeech.speeds import speaker_at
from pyspeech.transcripts import Manifest


def expected_crop_seconds(seconds: Reals, low: float, high: float) -> Reals:
    """Mean length of crops of utterances that last ``seconds``, where lengths asked for are uniform in low..high."""
    within = np.clip(seconds, low, high)
    # The mean of min(length, seconds): below `within` the length itself, above it the utterance as a whole.
    share = (within**2 - low**2) / 2 + within * (high - within)
    return np.where(seconds <= low, seconds, share / (high - low) if high > low else low)


def _seconds(plan: "_Plan") -> float:
    """Audio that an epoch is expected to hold."""
    index = plan.index
    low, high = plan.settings.crop_seconds
    total = 0.0
    for speed in plan.speeds:
        crops = expected_crop_seconds(index.seconds / speed, low, high)[index.utterances]
        total += float((np.add.reduceat(crops, index.first[:-1]) / np.diff(index.first)).sum())
    return total * plan.rounds * plan.settings.utterances_each


@dataclass(frozen=True)
class _Plan:
    """Which voices come in which batch, and which of their utterances."""

    index: SpeakerIndex
    settings: SpeakersConfig
    speeds: tuple[float, ...]
    seed: int

    @property
    def rounds(self) -> int:
        """In an epoch."""
        each = self.settings.utterances_each
        if self.settings.crops_each is not None:
            return self.settings.crops_each // each
        return math.ceil(len(self.index.utterances) / len(self.index.speakers) / each)

    @property
    def num_voices(self) -> int:
        return len(self.index.speakers) * len(self.speeds)

    @property
    def batches_per_round(self) -> int:
        # As equal as can be, rather than a small last one; with two in a batch, an odd one makes three.
        return min(math.ceil(self.num_voices / self.settings.per_batch), self.num_voices // 2)

    def voice(self, number: int) -> tuple[int, float]:
        """Return the number of the speaker, and the speed."""
        speaker, speed = divmod(number, len(self.speeds))
        return speaker, self.speeds[speed]

    @property
    def num_batches(self) -> int:
        """In an epoch."""
        return self.rounds * self.batches_per_round

    def seconds(self, epoch: int, batch: int) -> float:
        """Length of the crops of a batch: uniform, and spread evenly over an epoch, so that all epochs are as long."""
        rng = self.rng("seconds", epoch)
        place = (rng.permutation(self.num_batches)[batch] + rng.random()) / self.num_batches
        low, high = self.settings.crop_seconds
        return float(low + (high - low) * place)

    def voices(self, epoch: int, batch: int) -> list[int]:
        """Numbers of the voices in a batch of an epoch, each once."""
        round_, part = divmod(batch, self.batches_per_round)
        order = self.rng("voices", epoch, round_).permutation(self.num_voices)
        return [int(voice) for voice in np.array_split(order, self.batches_per_round)[part]]

    def utterances(self, epoch: int, batch: int, voice: int) -> list[int]:
        """Numbers of the utterances of a voice in a batch: over an epoch, all before any comes again."""
        its = self.index.of_speaker(self.voice(voice)[0])
        begin = batch // self.batches_per_round * self.settings.utterances_each
        dealt: list[int] = []
        while len(dealt) < self.settings.utterances_each:
            pass_, place = divmod(begin + len(dealt), len(its))
            order = self.rng("utterances", epoch, voice, pass_).permutation(its)
            dealt += order[place : place + self.settings.utterances_each - len(dealt)].tolist()
        return dealt

    def rng(self, *parts: object) -> np.random.Generator:
        """Numbers that depend on the seed of the training and on ``parts`` alone."""
        return generator_of(self.seed, *parts)


def _plan(cuts: Manifest, config: Config) -> _Plan:
    assert config.speakers is not None
    speeds = config.augment.speeds
    index = read_speaker_index(cuts, config.batches.min_utterance_seconds * max(speeds))
    return _Plan(index, config.speakers, speeds, config.training.seed)


class SpeakerBatches(Dataset[Batch]):
    """The batches of one epoch by their numbers.

    They are the same for the same manifest, configuration and epoch, whatever ran before. A batch is told apart by
    ``speakers``, which says the speed, too; its ``texts`` are empty, for a crop has not all the words. Utterances that
    are too short at the highest speed are left out.

    Args:
        cuts: Manifest of audio.
        config: Of the training, with the section ``speakers``.
        epoch: From 1.
        samples: As of :class:`pyspeech.data.batches.TrainingBatches`.

    Attributes:
        utterances: Crops of the epoch.
        seconds: Of audio that an epoch is expected to hold; every one draws other crops.

    Raises:
        UserError: a cut without audio or speaker, fewer than two speakers, or a folder of noise without audio.
    """

    def __init__(self, cuts: Manifest, config: Config, epoch: int, samples: bool = False) -> None:
        self.epoch = epoch
        self.plan = _plan(cuts, config)
        self.preparation = Preparation(config, samples)
        self.utterances = self.plan.num_voices * self.plan.rounds * self.plan.settings.utterances_each
        self.seconds = _seconds(self.plan)

    def of_epoch(self, epoch: int) -> "SpeakerBatches":
        """Return the batches of another epoch, of the manifest and the noise as they were opened for this one."""
        other = copy.copy(self)
        other.epoch = epoch
        return other

    def __len__(self) -> int:
        return self.plan.num_batches

    def __getitem__(self, number: int) -> Batch:
        """Make a batch, without the utterances that cannot be read.

        Raises:
            UserError: noise that cannot be read.
        """
        if not 0 <= number < len(self):
            raise IndexError(number)
        return self.preparation.batch(self._items(number))

    def _items(self, number: int) -> Iterator[tuple[Cut, str, str, np.random.Generator]]:
        seconds = self.plan.seconds(self.epoch, number)
        for voice in self.plan.voices(self.epoch, number):
            speaker, speed = self.plan.voice(voice)
            for place, utterance in enumerate(self.plan.utterances(self.epoch, number, voice)):
                rng = self.plan.rng("crop", self.epoch, number, voice, place)
                crop = _crop(at_speed(self.plan.index.cut(utterance), speed), seconds, rng)
                yield crop, "", speaker_at(self.plan.index.speakers[speaker], speed), rng


def _crop(cut: Cut, seconds: float, rng: np.random.Generator) -> Cut:
    """Return ``seconds`` from a random place of ``cut``, or all of it if it is shorter; only they will be read."""
    wanted = round(seconds * cut.sampling_rate)
    if wanted >= cut.num_samples:
        return cut
    start = int(rng.integers(cut.num_samples - wanted + 1))
    return cut.truncate(offset=start / cut.sampling_rate, duration=wanted / cut.sampling_rate, preserve_id=True)
