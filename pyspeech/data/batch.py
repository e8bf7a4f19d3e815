"""A batch: utterances that are computed together, as the loop and the networks take them."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from lhotse.cut import Cut
from torch import Tensor

from pyspeech.data.augment import Masks, Spans

Matrix = npt.NDArray[np.float32]
Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Unreadable:
    """An utterance that is not in its batch, because its audio or its features cannot be read.

    reason: one line.
    """

    id: str
    reason: str


@dataclass(frozen=True)
class Utterance:
    """One utterance: its features [T, F], or in their place audio of ``num_frames`` and the masks that they will get.

    ``cut`` is what was read, at its speed, or the crop of it. ``samples_S`` goes on behind its end as far as the last
    frames reach.
    """

    cut: Cut
    text: str
    speaker: str
    num_frames: int
    features_TF: Matrix | None = None
    samples_S: Samples | None = None
    masks: Masks | None = None


@dataclass(frozen=True)
class Batch:
    """Utterances that are computed together; there may be none, when none of them could be read.

    features_BTF is padded with zeros, which is the mean of normalised features; lengths_B counts true frames.
    Before :class:`pyspeech.data.device_features.DeviceFeatures` computed them, features_BTF has no frames: samples_BS
    holds the audio, sample_lengths_B of it before the padding, and the masks are spans of frames and of features.
    seconds: audio, without padding.
    cuts: what the utterances are of, with whatever custom fields they have, for a loss or a task of one's own; only
    their descriptions, some 600 bytes each on the way from a worker. There are none where samples were in memory.
    """

    ids: tuple[str, ...]
    features_BTF: Tensor
    lengths_B: Tensor
    texts: tuple[str, ...]
    seconds: float
    speakers: tuple[str, ...] = ()
    cuts: tuple[Cut, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    samples_BS: Tensor | None = None
    sample_lengths_B: Tensor | None = None
    time_masks_BM2: Tensor | None = None
    bin_masks_BM2: Tensor | None = None

    def pin_memory(self) -> "Batch":
        """Return a copy in memory that a GPU reads by itself; a ``DataLoader`` calls this."""
        tensors = {name: value.pin_memory() for name, value in vars(self).items() if isinstance(value, Tensor)}
        return dataclasses.replace(self, **tensors)

    def halves(self) -> tuple["Batch", "Batch"]:
        """Split two utterances or more in two batches, without the padding that each does not need."""
        assert len(self.ids) > 1, "one utterance has no halves"
        middle = len(self.ids) // 2
        return self._part(slice(0, middle)), self._part(slice(middle, None))

    def _part(self, part: slice) -> "Batch":
        tensors = {name: value[part] for name, value in vars(self).items() if isinstance(value, Tensor)}
        tensors["features_BTF"] = tensors["features_BTF"][:, : int(tensors["lengths_B"].max())]
        if self.samples_BS is not None:
            tensors["samples_BS"] = tensors["samples_BS"][:, : int(tensors["sample_lengths_B"].max())]
        share = float(tensors["lengths_B"].sum()) / float(self.lengths_B.sum())
        each = {name: getattr(self, name)[part] for name in ("ids", "texts", "speakers", "cuts")}
        return dataclasses.replace(self, seconds=share * self.seconds, unreadable=(), **each, **tensors)


def batch_of(utterances: Sequence[Utterance], num_features: int, unreadable: Sequence[Unreadable] = ()) -> Batch:
    """Pad utterances, all with features or all with audio, into one batch."""
    audio = [u.samples_S for u in utterances if u.samples_S is not None]
    matrices = [u.features_TF for u in utterances if u.features_TF is not None]
    masks = [u.masks for u in utterances if u.masks is not None]
    batch = Batch(
        ids=tuple(u.cut.id for u in utterances),
        features_BTF=padded(matrices)[0] if matrices else torch.zeros(len(utterances), 0, num_features),
        lengths_B=torch.tensor([u.num_frames for u in utterances], dtype=torch.int64),
        texts=tuple(u.text for u in utterances),
        seconds=sum(u.cut.duration for u in utterances),
        speakers=tuple(u.speaker for u in utterances),
        cuts=tuple(u.cut for u in utterances),
        unreadable=tuple(unreadable),
    )
    if not audio:
        return batch
    samples_BS, sample_lengths_B = padded(audio)
    return dataclasses.replace(
        batch,
        samples_BS=samples_BS,
        sample_lengths_B=sample_lengths_B,
        time_masks_BM2=_stacked([each.times for each in masks]),
        bin_masks_BM2=_stacked([each.bins for each in masks]),
    )


def padded(matrices: Sequence[npt.NDArray[np.float32]]) -> tuple[Tensor, Tensor]:
    """Return arrays [T, ...] as one [B, T, ...], zeros after their ends, and their lengths [B]."""
    rows = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(matrix) for matrix in matrices], batch_first=True)
    return rows, torch.tensor([len(matrix) for matrix in matrices], dtype=torch.int64)


def _stacked(spans: Sequence[Spans]) -> Tensor:
    return torch.from_numpy(np.stack(spans))


def one_utterance(features_TF: Matrix, name: str) -> Batch:
    """A batch of one utterance of these normalised features, without text and speaker."""
    return Batch((name,), torch.from_numpy(features_TF)[None], torch.tensor([len(features_TF)]), ("",), 0.0, ("",))
