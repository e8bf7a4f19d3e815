"""Embeddings by a trained network: of all utterances of a manifest, stored for any comparison, or of samples."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from pyspeech.config import Config
from pyspeech.data.batch import padded
from pyspeech.data.batches import grouped, inference_batches
from pyspeech.data.features import FeatureExtractor, Matrix, Samples, normalise
from pyspeech.data.loading import FEWER_JOBS, lost_workers
from pyspeech.data.manifests import check_manifest
from pyspeech.device import choose_device
from pyspeech.errors import UserError
from pyspeech.files import digest, refuse_others
from pyspeech.inference.samples import checked_samples
from pyspeech.processes import jobs_beside
from pyspeech.speakers.embeddings import FILES, save_embeddings, unit_rows
from pyspeech.tasks.network import MODEL, device_of, load_network, trained_config
from pyspeech.transcripts import Manifest, read_transcripts, shown

WINDOW_SECONDS = 20.0  # what is longer is embedded in windows: memory stays bounded, and all parts count alike


@dataclass(frozen=True)
class Embedder:
    """A trained network (in eval mode) and how it embeds: what lasts over ``window_seconds`` in windows."""

    config: Config
    model: nn.Module
    window_seconds: float = WINDOW_SECONDS

    @property
    def least_seconds(self) -> float:
        """Shorter utterances were not trained on and are not embedded."""
        return self.config.batches.min_utterance_seconds

    def embed(self, matrices: list[Matrix]) -> NDArray[np.float32]:
        """Return the embeddings [B, D] of feature matrices [T, F], which may be normalised already.

        Each is the mean of its windows' embeddings of unit length; the windows are equally long and meet without gap.
        """
        kind = self.config.features.normalise
        windows = [[normalise(window, kind) for window in self._windows(matrix)] for matrix in matrices]
        # No more together than a batch holds: memory does not grow with the length of a file.
        most = self.config.batches.max_seconds / self.config.features.frame_shift_seconds
        chunks = grouped([window for each in windows for window in each], len, most)
        rows_ND = unit_rows(np.concatenate([self._rows(chunk) for chunk in chunks]))
        ends = np.cumsum([len(each) for each in windows])
        return np.array([rows.mean(0) for rows in np.split(rows_ND, ends[:-1])], dtype=np.float32)

    def of_samples(self, samples_S: Samples, sampling_rate: int, where: str = "the samples") -> NDArray[np.float32]:
        """Return the embedding [D] of one utterance, in -1..1; ``where`` it is from is for messages.

        Raises:
            UserError: another sampling rate than the network's, too short, or no samples of one channel.
        """
        config = self.config.features
        samples_S = checked_samples(samples_S, sampling_rate, config.sampling_rate)
        seconds = len(samples_S) / sampling_rate
        if seconds < self.least_seconds:
            raise UserError(_too_short(where, seconds, self.least_seconds))
        row_D: NDArray[np.float32] = self.embed([FeatureExtractor(config).from_samples(samples_S)])[0]
        return row_D

    def _windows(self, matrix: Matrix) -> list[Matrix]:
        longest = round(self.window_seconds / self.config.features.frame_shift_seconds)
        return np.array_split(matrix, -(-len(matrix) // max(longest, 1)))

    def _rows(self, matrices: list[Matrix]) -> NDArray[np.float32]:
        features_BTF, lengths_B = padded(matrices)
        with torch.no_grad():
            rows_BD = self.model(features_BTF.to(device_of(self.model)), lengths_B)
        rows: NDArray[np.float32] = rows_BD.to("cpu").numpy()
        return rows


def load_embedder(exp: Path, device: str | None = None, window_seconds: float = WINDOW_SECONDS) -> Embedder:
    """Load what :func:`pyspeech.training.experiment.run` left in ``exp``.

    Raises:
        UserError: the training is not finished or gives no embeddings, or a file is damaged or does not fit.
    """
    config = trained_config(exp)
    return Embedder(config, load_network(exp, config, 1, "utterance", choose_device(device)), window_seconds)


@lost_workers(FEWER_JOBS)
def embed(
    exp: Path,
    cuts: Manifest,
    out: Path,
    device: str | None = None,
    window_seconds: float = WINDOW_SECONDS,
    jobs: int | None = None,
) -> int:
    """Write the embeddings of the utterances of ``cuts``, in their order, to the folder ``out``; return how many.

    Args:
        exp: Folder of a training.
        cuts: Utterances.
        out: The folder.
        device: None for a GPU where there is one, else the CPU.
        window_seconds: As of :class:`Embedder`.
        jobs: Processes: this one, and those that make its batches; None for what :func:`jobs_beside` says.

    Raises:
        UserError: the training is not finished or gives no embeddings, an utterance is too short, something given
            is missing or damaged, or a process died.
    """
    refuse_others(out, FILES, "embeddings")  # before an hour's work rather than after it
    embedder = load_embedder(exp, device, window_seconds)
    seconds = _checked_seconds(cuts, embedder.least_seconds)
    jobs = jobs or jobs_beside(device_of(embedder.model).type, seconds)
    ids, speakers, rows = [], [], []
    for id_, speaker, row_D in _embedded(embedder, cuts, jobs - 1):
        ids.append(id_)
        speakers.append(speaker)
        rows.append(row_D)
    save_embeddings(out, ids, speakers, np.stack(rows), origin_of(exp))
    return len(ids)


def origin_of(exp: Path) -> str:
    """Return what the embeddings of a trained network are known by: a digest of its weights and settings.

    Raises:
        UserError: the training is not finished.
    """
    config = trained_config(exp)
    return digest(exp / MODEL, config.model, config.features.model_dump(mode="json"))


def _embedded(embedder: Embedder, cuts: Manifest, workers: int) -> Iterator[tuple[str, str, NDArray[np.float32]]]:
    config = embedder.config
    batches = inference_batches(cuts, config.features, config.batches.max_seconds, workers)
    for batch in tqdm(batches, desc="embed", unit=" batches", dynamic_ncols=True, disable=None):
        matrices = [batch.features_BTF[b, :length].numpy() for b, length in enumerate(batch.lengths_B.tolist())]
        yield from zip(batch.ids, batch.speakers, embedder.embed(matrices), strict=True)


def _checked_seconds(cuts: Manifest, least_seconds: float) -> float:
    """Make sure that all can be embedded, and no two by one id; return how long they last."""
    check_manifest(cuts)
    seconds = [(t.id, t.seconds) for t in read_transcripts(cuts)]
    if short := [each for each in seconds if each[1] < least_seconds]:
        more = f" (and {len(short) - 1} others)" if len(short) > 1 else ""
        raise UserError(_too_short(f"{shown(cuts)}, cut '{short[0][0]}'{more}", short[0][1], least_seconds))
    return sum(each for _, each in seconds)


def _too_short(where: str, seconds: float, least_seconds: float) -> str:
    return (
        f"{where} lasts {seconds:.2f} seconds, the network was trained on {least_seconds:g} and more "
        "(batches.min_utterance_seconds); leave it out"
    )
