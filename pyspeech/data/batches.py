"""Batches of features: bucketed, shuffled and augmented for training; in manifest order for everything else."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from lhotse import CutSet, SupervisionSegment
from lhotse.cut import Cut
from lhotse.dataset import DynamicBucketingSampler
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from pyspeech.config import Config, FeatureConfig
from pyspeech.data.augment import spec_augment
from pyspeech.data.features import FeatureExtractor, Matrix, at_speed
from pyspeech.data.manifests import read_manifest
from pyspeech.errors import UserError
from pyspeech.files import digest


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
    otherwise every utterance comes once at each speed.

    Raises:
        UserError: no utterance is left.
    """
    cuts = _training_cuts(cuts_path, config)
    sampler = _bucketing_sampler(cuts, config)
    sampler.set_epoch(epoch)
    loader: DataLoader[Batch] = DataLoader(
        _AugmentedBatches(config, epoch),
        sampler=sampler,
        batch_size=None,
        num_workers=config.batches.workers,
        worker_init_fn=_one_thread if config.batches.workers else None,
    )
    return loader


def inference_batches(cuts_path: Path, config: FeatureConfig, max_seconds: float) -> Iterator[Batch]:
    """Every utterance once, in manifest order, as many together as ``max_seconds`` of padded audio hold."""
    extractor = FeatureExtractor(config)
    group: list[Cut] = []
    longest = 0.0
    for cut in read_manifest(cuts_path):
        if group and max(longest, cut.duration) * (len(group) + 1) > max_seconds:
            yield collate(group, [extractor(each) for each in group])
            group, longest = [], 0.0
        group.append(cut)
        longest = max(longest, cut.duration)
    yield collate(group, [extractor(each) for each in group])


def collate(cuts: Iterable[Cut], matrices: list[Matrix]) -> Batch:
    """Pad the feature matrices [T, F] of ``cuts`` into one batch.

    Raises:
        UserError: a cut without exactly one supervision.
    """
    cuts = list(cuts)
    features_BTF = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(matrix) for matrix in matrices], batch_first=True)
    return Batch(
        ids=tuple(cut.id for cut in cuts),
        features_BTF=features_BTF,
        lengths_B=torch.tensor([len(matrix) for matrix in matrices], dtype=torch.int64),
        texts=tuple(_supervision(cut).text or "" for cut in cuts),
        seconds=sum(cut.duration for cut in cuts),
        speakers=tuple(_supervision(cut).speaker or "" for cut in cuts),
    )


class _AugmentedBatches(Dataset[Batch]):
    """Turns the cuts of a batch into features; its random choices depend on seed, epoch and cut ids alone."""

    def __init__(self, config: Config, epoch: int) -> None:
        self.config = config
        self.epoch = epoch
        self.extractor = FeatureExtractor(config.features)

    def __getitem__(self, cuts: CutSet) -> Batch:
        return collate(cuts, [self._augmented(cut) for cut in cuts])

    def _augmented(self, cut: Cut) -> Matrix:
        seed = int(digest(self.config.training.seed, self.epoch, cut.id), 16)
        return spec_augment(self.extractor(cut), self.config.augment, np.random.default_rng(seed))


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


def _one_thread(worker: int) -> None:  # noqa: ARG001
    torch.set_num_threads(1)
