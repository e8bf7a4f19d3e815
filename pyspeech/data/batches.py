"""Batches of features: bucketed, shuffled and augmented for training; in manifest order for everything else."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from lhotse import CutSet, SupervisionSegment
from lhotse.cut import Cut
from lhotse.dataset import DynamicBucketingSampler
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from pyspeech.config import Config, FeatureConfig
from pyspeech.data.augment import spec_augment
from pyspeech.data.features import FeatureExtractor, Matrix, at_speed, load_audio
from pyspeech.data.manifests import read_manifest
from pyspeech.data.wave_augment import WaveAugment, wave_augment
from pyspeech.errors import UserError
from pyspeech.files import digest

Item = TypeVar("Item")


@dataclass(frozen=True)
class Batch:
    """Utterances that are computed together.

    features_BTF is padded with zeros, which is the mean of normalised features; lengths_B counts true frames.
    """

    ids: tuple[str, ...]
    features_BTF: Tensor
    lengths_B: Tensor
    texts: tuple[str, ...]
    seconds: float
    speakers: tuple[str, ...] = ()


def training_batches(cuts_path: Path, config: Config, epoch: int) -> Iterable[Batch]:
    """The batches of one epoch: the same for the same manifest, configuration and epoch, whatever ran before.

    Utterances outside the length limits are left out. Stored features are used at the speeds they were stored with;
    otherwise every utterance comes once at each speed, with noise where the configuration asks for it.

    Raises:
        UserError: no utterance is left, or noise is asked for where features are stored.
    """
    noise = wave_augment(config)
    cuts = _training_cuts(cuts_path, config)
    if noise is not None and next(iter(cuts)).has_features:
        raise UserError(
            f"{cuts_path} holds stored features, to which noise cannot be added; give the manifest without features, "
            "or set noise.noise_dir and noise.rir_dir to null"
        )
    sampler = _bucketing_sampler(cuts, config)
    sampler.set_epoch(epoch)
    loader: DataLoader[Batch] = DataLoader(
        _AugmentedBatches(config, epoch, noise),
        sampler=sampler,
        batch_size=None,
        num_workers=config.batches.workers,
        worker_init_fn=one_thread if config.batches.workers else None,
    )
    return loader


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
    cuts = list(cuts)
    features_BTF, lengths_B = padded(matrices)
    return Batch(
        ids=tuple(cut.id for cut in cuts),
        features_BTF=features_BTF,
        lengths_B=lengths_B,
        texts=tuple(_supervision(cut).text or "" for cut in cuts),
        seconds=sum(cut.duration for cut in cuts),
        speakers=tuple(_supervision(cut).speaker or "" for cut in cuts),
    )


def padded(matrices: list[Matrix]) -> tuple[Tensor, Tensor]:
    """Return matrices [T, F] as one [B, T, F], zeros after their ends, and their lengths [B]."""
    features_BTF = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(matrix) for matrix in matrices], batch_first=True)
    return features_BTF, torch.tensor([len(matrix) for matrix in matrices], dtype=torch.int64)


class _AugmentedBatches(Dataset[Batch]):
    """Turns the cuts of a batch into features; its random choices depend on seed, epoch and cut ids alone."""

    def __init__(self, config: Config, epoch: int, noise: WaveAugment | None) -> None:
        self.config = config
        self.epoch = epoch
        self.noise = noise
        self.extractor = FeatureExtractor(config.features)

    def __getitem__(self, cuts: CutSet) -> Batch:
        return collate(cuts, [self._augmented(cut) for cut in cuts])

    def _augmented(self, cut: Cut) -> Matrix:
        seed = int(digest(self.config.training.seed, self.epoch, cut.id), 16)
        rng = np.random.default_rng(seed)
        if self.noise is None:
            return spec_augment(self.extractor(cut), self.config.augment, rng)
        samples_S = self.noise(load_audio(cut, self.config.features.sampling_rate)[0], rng)
        return spec_augment(self.extractor.normalised(samples_S, cut.id), self.config.augment, rng)


def _training_cuts(cuts_path: Path, config: Config) -> CutSet:
    cuts = read_manifest(cuts_path)
    limits = config.batches
    if not next(iter(cuts)).has_features and config.augment.speeds != (1.0,):
        copies = [cuts.map(_Speed(speed)) for speed in config.augment.speeds]
        cuts = CutSet.mux(*copies, seed=config.training.seed) if len(copies) > 1 else copies[0]
    kept = cuts.filter(_Within(limits.min_utterance_seconds, limits.max_utterance_seconds))
    if next(iter(kept), None) is None:
        raise UserError(
            f"{cuts_path} holds no utterance of {limits.min_utterance_seconds} to {limits.max_utterance_seconds} "
            "seconds; set batches.min_utterance_seconds and batches.max_utterance_seconds"
        )
    return kept


def _bucketing_sampler(cuts: CutSet, config: Config) -> DynamicBucketingSampler:
    limits = config.batches
    # A bucket needs utterances to set its bounds: tiny corpora get fewer buckets.
    available = sum(1 for _ in itertools.islice(cuts, 2 * limits.buckets))
    buckets = min(limits.buckets, available // 2)
    return DynamicBucketingSampler(
        cuts,
        max_duration=limits.max_seconds,
        num_buckets=max(buckets, 2),
        duration_bins=None if buckets >= 2 else [limits.max_utterance_seconds],
        shuffle=True,
        buffer_size=limits.shuffle_buffer,
        seed=config.training.seed,
        world_size=1,
        rank=0,
    )


class _Speed:
    """A picklable map over cuts."""

    def __init__(self, speed: float) -> None:
        self.speed = speed

    def __call__(self, cut: Cut) -> Cut:
        return at_speed(cut, self.speed)


class _Within:
    """A picklable filter over cuts."""

    def __init__(self, shortest: float, longest: float) -> None:
        self.shortest = shortest
        self.longest = longest

    def __call__(self, cut: Cut) -> bool:
        return bool(self.shortest <= cut.duration <= self.longest)


def _supervision(cut: Cut) -> SupervisionSegment:
    if len(cut.supervisions) != 1:
        raise UserError(
            f"cut '{cut.id}' has {len(cut.supervisions)} supervisions, one is needed; "
            "cut the recording into its utterances (lhotse: trim_to_supervisions)"
        )
    return cut.supervisions[0]


def one_thread(worker: int) -> None:  # noqa: ARG001
    """Keep a worker process from computing with as many threads as there are cores."""
    torch.set_num_threads(1)
