"""A trained recogniser for audio in memory: its features, the log-probabilities of its tokens, and the words."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from pyspeech.data.batch import Batch, Matrix, Samples
from pyspeech.data.features import FeatureExtractor
from pyspeech.decoding.config import DecodeConfig
from pyspeech.decoding.decoder import Decoder, Setup
from pyspeech.device import choose_device
from pyspeech.errors import UserError


class SpeechModel:
    """What a training left, with or without a graph to search; the commands use the same :class:`.Decoder`.

    Attributes:
        sampling_rate: In Hz, which samples must have.
        symbols: What the outputs stand for, by their number; 0 is the blank.
        frame_seconds: From one output to the next.
    """

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._extractor = FeatureExtractor(decoder.recogniser.config.features)
        self.sampling_rate = decoder.recogniser.config.features.sampling_rate
        self.symbols = tuple(decoder.recogniser.tokens.symbols)
        self.frame_seconds = decoder.frame_seconds

    def features(self, samples_S: Samples, sampling_rate: int) -> Matrix:
        """Normalised features [T, F] of one utterance, in -1..1.

        Raises:
            UserError: another sampling rate than the network's, or no samples of one channel in -1..1.
        """
        if sampling_rate != self.sampling_rate:
            raise UserError(
                f"the samples have {sampling_rate} Hz, the network was trained on {self.sampling_rate}; resample them"
            )
        samples = np.asarray(samples_S)
        if samples.ndim != 1 or samples.dtype.kind != "f" or not np.isfinite(samples).all():
            raise UserError(
                f"samples of shape {samples.shape} and type {samples.dtype}: expected one channel of finite floats in "
                "-1..1; take one channel, and divide integers of 16 bits by 32768"
            )
        return self._extractor.normalised(samples.astype(np.float32))

    def log_probs(self, samples_S: Samples, sampling_rate: int) -> npt.NDArray[np.float32]:
        """Natural log-probabilities [T, V] of the tokens in every output frame.

        Raises:
            UserError: as :meth:`features`.
        """
        log_probs_BTV, lengths = self._decoder.log_probs(self._batch(self.features(samples_S, sampling_rate), ""))
        found: npt.NDArray[np.float32] = log_probs_BTV[0, : lengths[0]].cpu().numpy()
        return found

    def decode(self, samples_S: Samples, sampling_rate: int, name: str = "utterance") -> Mapping[str, Any]:
        """What was said, as a line of ``hyps.jsonl`` has it: ``words``, their times and confidences, scores.

        Raises:
            UserError: as :meth:`features`.
        """
        batch = self._batch(self.features(samples_S, sampling_rate), name)
        [decoded] = self._decoder(batch, {name: len(samples_S) / sampling_rate})
        return decoded.line

    def _batch(self, features_TF: Matrix, name: str) -> Batch:
        lengths_B = torch.tensor([len(features_TF)])
        return Batch((name,), torch.from_numpy(features_TF)[None], lengths_B, ("",), 0.0, ("",))


def load_model(exp: Path, graph: Path | None, device: str | None, config: DecodeConfig) -> SpeechModel:
    """Load what :func:`pyspeech.training.experiment.run` left in ``exp``; without a graph words are the greedy ones.

    Raises:
        UserError: the training is not finished, or a file is missing, damaged or does not fit the others.
        MissingPackage: there is a graph and no k2.
    """
    setup = Setup(exp, graph, "greedy" if graph is None else "one-best", str(choose_device(device)), config)
    return SpeechModel(Decoder(setup))
