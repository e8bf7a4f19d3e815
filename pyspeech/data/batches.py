"""Batches of utterances: by number, shuffled and augmented, for training; in manifest order for everything else."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
from lhotse.cut import Cut
from torch.utils.data import Dataset

from pyspeech.config import Config, FeatureConfig
from pyspeech.data.batch import Batch, Utterance, batch_of
from pyspeech.data.cut_index import CutIndex, read_cut_index
from pyspeech.data.epoch_plan import plan_epoch
from pyspeech.data.features import FeatureExtractor, Matrix, at_speed
from pyspeech.data.manifests import read_manifest
from pyspeech.data.preparation import Preparation, supervision
from pyspeech.errors import UserError
from pyspeech.files import digest

Item = TypeVar("Item")


class TrainingBatches(Dataset[Batch]):
    """The batches of one epoch by their numbers, which are known before any audio is read.

    They are the same for the same manifest, configuration and epoch, whatever ran before: a batch is dealt by seed and
    epoch, the choices for an utterance by these and its id with speed. Utterances outside the length limits are left
    out. Stored features are used at the speeds they were stored with; otherwise every utterance comes once at each
    speed, with noise and gain where the configuration asks for it.

    Args:
        cuts_path: Manifest.
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

    def __init__(self, cuts_path: Path, config: Config, epoch: int, samples: bool = False) -> None:
        self.index = read_cut_index(cuts_path)
        self.preparation = Preparation(config, samples)
        self.speeds = _speeds(self.index, config)
        self.seed = (config.training.seed, epoch)
        seconds = self.index.seconds.astype(np.float32)
        seconds_N = np.concatenate([seconds / np.float32(speed) for speed in self.speeds])
        self.plan = plan_epoch(seconds_N, config.batches, config.training.seed, epoch)
        self.utterances = len(self.plan.order)
        self.seconds = float(seconds_N[self.plan.order].sum(dtype=np.float64))
        limits = config.batches
        if not self.utterances:
            raise UserError(
                f"{cuts_path} holds no utterance of {limits.min_utterance_seconds} to {limits.max_utterance_seconds} "
                "seconds; set batches.min_utterance_seconds and batches.max_utterance_seconds"
            )
        if self.preparation.waves is not None and (self.preparation.given or self.index.rows["has_features"].any()):
            raise UserError(
                f"{cuts_path} holds stored features, to which noise cannot be added, nor gain; give the manifest "
                "without features, or set noise.noise_dir, noise.rir_dir and augment.volume_db to null"
            )

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
        rng = np.random.default_rng(int(digest(*self.seed, cut.id), 16))
        return cut, its.text or "", its.speaker or "", rng


def inference_batches(cuts_path: Path, config: FeatureConfig, max_seconds: float) -> Iterator[Batch]:
    """Every utterance once, in manifest order, as many together as ``max_seconds`` of padded audio hold."""
    extractor = FeatureExtractor(config)
    for group in grouped(read_manifest(cuts_path), duration, max_seconds):
        yield collate(group, [extractor(cut) for cut in group])


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


def collate(cuts: Iterable[Cut], matrices: list[Matrix]) -> Batch:
    """Pad the feature matrices [T, F] of ``cuts`` into one batch.

    Raises:
        UserError: a cut without exactly one supervision.
    """
    utterances = []
    for cut, matrix in zip(cuts, matrices, strict=True):
        its = supervision(cut)
        utterances.append(Utterance(cut.id, its.text or "", its.speaker or "", cut.duration, len(matrix), matrix))
    return batch_of(utterances, matrices[0].shape[1])


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
    found = sorted({round(float(speed), 6) for speed in np.unique(index.rows["speed"])})
    if set(found) != {round(speed, 6) for speed in config.augment.speeds}:
        raise UserError(
            f"{index.manifest} holds features stored at the speeds {found}, augment.speeds is "
            f"{list(config.augment.speeds)}; set it to those, or run pyspeech features again, with --perturb"
        )
    return (1.0,)
