"""Batches of utterances: by number, shuffled and augmented, for training; in manifest order for everything else."""

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from lhotse.cut import Cut
from torch.utils.data import Dataset

from pyspeech.config import Config, FeatureConfig
from pyspeech.data.batch import Batch, Utterance, batch_of
from pyspeech.data.cut_index import CutIndex, read_cut_index
from pyspeech.data.epoch_plan import generator_of, plan_epoch
from pyspeech.data.features import FeatureExtractor, at_speed
from pyspeech.data.loading import load
from pyspeech.data.manifests import read_manifest
from pyspeech.data.preparation import Preparation, supervision
from pyspeech.errors import UserError
from pyspeech.transcripts import Manifest, shown

Item = TypeVar("Item")
Seconds = npt.NDArray[np.float32]


class TrainingBatches(Dataset[Batch]):
    """The batches of one epoch by their numbers, which are known before any audio is read.

    They are the same for the same manifest, configuration and epoch, whatever ran before: a batch is dealt by seed and
    epoch, the choices for an utterance by these and its id with speed. Utterances outside the length limits are left
    out. Stored features are used at the speeds they were stored with; otherwise every utterance comes once at each
    speed, with noise and gain where the configuration asks for it.

    Args:
        cuts: A manifest.
        config: Of the training.
        epoch: From 1.
        samples: Batches hold audio, for :class:`pyspeech.data.device_features.DeviceFeatures`, rather than features,
            where these are computed from audio.

    Attributes:
        utterances: Of the epoch, each at each speed.
        seconds: Of audio in the epoch.

    Raises:
        UserError: a damaged manifest, no utterance is left, or noise, gain or other speeds are asked for where
            features are stored.
    """

    def __init__(self, cuts: Manifest, config: Config, epoch: int, samples: bool = False) -> None:
        self.config = config
        self.index = read_cut_index(cuts)
        self.preparation = Preparation(config, samples)
        self.speeds = _speeds(self.index, config)
        seconds_N = self._plan(epoch)
        self.utterances = len(self.plan.order)
        self.seconds = float(seconds_N[self.plan.order].sum(dtype=np.float64))
        limits = config.batches
        if not self.utterances:
            raise UserError(
                f"{shown(cuts)} holds no utterance of {limits.min_utterance_seconds} to {limits.max_utterance_seconds} "
                "seconds; set batches.min_utterance_seconds and batches.max_utterance_seconds"
            )
        if self.preparation.changes_audio and (self.preparation.given or self.index.rows["has_features"].any()):
            raise UserError(
                f"{shown(cuts)} holds stored features, to which noise cannot be added, nor gain; give the manifest "
                "without features, or set noise.noise_dir, noise.rir_dir and augment.volume_db to null, "
                "and augment.own to []"
            )

    def of_epoch(self, epoch: int) -> "TrainingBatches":
        """Return the batches of another epoch, of the manifest and the noise as they were opened for this one."""
        other = copy.copy(self)
        other._plan(epoch)
        return other

    def _plan(self, epoch: int) -> Seconds:
        """Deal the utterances of an epoch; return their seconds at each speed."""
        seconds = self.index.seconds.astype(np.float32)
        seconds_N: Seconds = np.concatenate([seconds / np.float32(speed) for speed in self.speeds])
        self.seed = (self.config.training.seed, epoch)
        self.plan = plan_epoch(seconds_N, self.config.batches, self.config.training.seed, epoch)
        return seconds_N

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, number: int) -> Batch:
        """Make a batch, without the utterances that cannot be read.

        Raises:
            UserError: stored features that other settings made, or noise that cannot be read.
        """
        return self.preparation.batch(self._item(int(pair)) for pair in self.plan[number])

    def _item(self, pair: int) -> tuple[Cut, str, str, np.random.Generator]:
        speed, number = divmod(pair, len(self.index))
        cut = at_speed(self.index.cut(number), self.speeds[speed])
        its = supervision(cut)
        rng = generator_of(*self.seed, cut.id)
        return cut, its.text or "", its.speaker or "", rng


def inference_batches(
    cuts: Manifest, config: FeatureConfig, max_seconds: float, workers: int = 0, pin: bool = False
) -> Iterator[Batch]:
    """Yield every utterance once, in manifest order, as many together as ``max_seconds`` of padded audio hold.

    The manifest may be of any length; workers and ``pin`` are those of :func:`pyspeech.data.loading.load`.

    Raises:
        UserError: a damaged manifest, or an utterance that cannot be read.
    """
    groups = grouped(read_manifest(cuts), duration, max_seconds)
    return load(_Collated(FeatureExtractor(config)), groups, workers, pin)


def grouped(items: Iterable[Item], length: Callable[[Item], float], most: float) -> Iterator[list[Item]]:
    """Items in their order, as many together as are no longer than ``most`` when they are padded."""
    group: list[Item] = []
    longest = 0.0
    for item in items:
        if group and max(longest, length(item)) * (len(group) + 1) > most:
            yield group
            group, longest = [], 0.0
        group.append(item)
        longest = max(longest, length(item))
    yield group


def duration(cut: Cut) -> float:
    """Seconds of a cut."""
    return float(cut.duration)


class _Collated(Dataset[Batch]):
    """The batch of any cuts."""

    def __init__(self, extractor: FeatureExtractor) -> None:
        self.extractor = extractor

    def __getitem__(self, cuts: Sequence[Cut]) -> Batch:
        """Pad the features of ``cuts`` into one batch.

        Raises:
            UserError: a cut without exactly one supervision, or that cannot be read.
        """
        utterances = []
        for cut in cuts:
            matrix, its = self.extractor(cut), supervision(cut)
            utterances.append(Utterance(cut, its.text or "", its.speaker or "", len(matrix), matrix))
        return batch_of(utterances, self.extractor.config.num_features)


def _speeds(index: CutIndex, config: Config) -> tuple[float, ...]:
    """Speeds at which each cut of a manifest is to come; 1 for stored features, which have theirs."""
    stored = index.rows["has_features"]
    if not stored.any():
        return config.augment.speeds
    if not stored.all():
        raise UserError(
            f"{index.manifest} holds stored features for {stored.sum()} of its {len(stored)} cuts; "
            "run pyspeech features again, or give the manifest without features"
        )
    stored_speeds = sorted({round(float(speed), 6) for speed in np.unique(index.rows["speed"])})
    if set(stored_speeds) != {round(speed, 6) for speed in config.augment.speeds}:
        raise UserError(
            f"{index.manifest} holds features stored at the speeds {stored_speeds}, augment.speeds is "
            f"{list(config.augment.speeds)}; set it to those, or run pyspeech features again, with --perturb"
        )
    return (1.0,)
