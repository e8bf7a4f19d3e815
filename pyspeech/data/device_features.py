"""Features of whole batches on the device that trains: what the workers would compute, where there is time for it."""

import dataclasses

import torch
from torch import Tensor
from torch.amp.autocast_mode import autocast

from pyspeech.config import Config
from pyspeech.data.batch import Batch
from pyspeech.data.features import MIN_DEVIATION, FeatureExtractor

CHUNK_SECONDS = 400  # of padded audio at once: the spectra of a second take some 3 MB


class DeviceFeatures:
    """Moves batches to a device, and computes the features of those that hold audio there: see :class:`Batch`.

    Equal to what :class:`pyspeech.data.batches.TrainingBatches` makes with ``samples=False``, within float error.
    Lengths stay on the CPU, where losses want them.
    """

    def __init__(self, config: Config, device: torch.device) -> None:
        self.device = device
        self.normalise = config.features.normalise
        self.chunk_samples = CHUNK_SECONDS * config.features.sampling_rate
        self.given = config.features.type == "given"
        if not self.given:
            self.layer = FeatureExtractor(config.features).layer().to(device)

    def __call__(self, batch: Batch) -> Batch:
        """Return the batch with features on the device, and without audio."""
        if batch.samples_BS is None:
            return dataclasses.replace(batch, features_BTF=batch.features_BTF.to(self.device, non_blocking=True))
        assert batch.time_masks_BM2 is not None
        assert batch.bin_masks_BM2 is not None
        samples_BS, lengths_B, time_masks_BM2, bin_masks_BM2 = (
            tensor.to(self.device, non_blocking=True)
            for tensor in (batch.samples_BS, batch.lengths_B, batch.time_masks_BM2, batch.bin_masks_BM2)
        )
        longest = int(batch.lengths_B.max())
        # Also within a loop that computes in fewer bits: energies range over more than those hold.
        with torch.no_grad(), autocast(self.device.type, enabled=False):
            rows = samples_BS.split(max(self.chunk_samples // samples_BS.shape[1], 1))
            features_BTF = torch.cat([self.layer(row)[:, :longest] for row in rows])
            is_frame_BT1 = (torch.arange(longest, device=self.device) < lengths_B[:, None])[:, :, None]
            features_BTF = _normalised(features_BTF, is_frame_BT1, self.normalise)
            mean_B1F = _mean(features_BTF, is_frame_BT1)
            masked_BTF = (
                _within(time_masks_BM2, longest)[:, :, None] | _within(bin_masks_BM2, features_BTF.shape[2])[:, None]
            )
            features_BTF = torch.where(masked_BTF, mean_B1F, features_BTF) * is_frame_BT1
        return dataclasses.replace(
            batch,
            features_BTF=features_BTF,
            samples_BS=None,
            sample_lengths_B=None,
            time_masks_BM2=None,
            bin_masks_BM2=None,
        )


def _normalised(features_BTF: Tensor, is_frame_BT1: Tensor, kind: str) -> Tensor:
    """As :func:`pyspeech.data.features.normalise`, over the frames that are some."""
    if kind == "none":
        return features_BTF
    centred_BTF: Tensor = features_BTF - _mean(features_BTF, is_frame_BT1)
    if kind == "mean":
        return centred_BTF
    deviation_B1F = _mean(centred_BTF.square(), is_frame_BT1).sqrt().clamp(min=MIN_DEVIATION)
    normalised_BTF: Tensor = centred_BTF / deviation_B1F
    return normalised_BTF


def _mean(features_BTF: Tensor, is_frame_BT1: Tensor) -> Tensor:
    """[B, 1, F] Over the frames that are some."""
    total_B1F = (features_BTF * is_frame_BT1).sum(dim=1, keepdim=True)
    mean_B1F: Tensor = total_B1F / is_frame_BT1.sum(dim=1, keepdim=True).clamp(min=1)
    return mean_B1F


def _within(spans_BM2: Tensor, size: int) -> Tensor:
    """[B, size] Which places lie in one of the spans."""
    places = torch.arange(size, device=spans_BM2.device)
    inside_BS: Tensor = ((spans_BM2[..., :1] <= places) & (places < spans_BM2[..., 1:])).any(dim=1)
    return inside_BS
