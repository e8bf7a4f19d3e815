"""A trained recogniser for audio in memory: its features, the log-probabilities of its tokens, and the words."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pyspeech.data.batch import Matrix, Samples, one_utterance
from pyspeech.data.batches import inference_batches
from pyspeech.data.features import FeatureExtractor
from pyspeech.data.manifests import check_manifest
from pyspeech.decoding.config import DecodeConfig
from pyspeech.decoding.decoder import Decoder, Setup
from pyspeech.decoding.results import Decoded, HeldDecode
from pyspeech.device import choose_device
from pyspeech.inference.samples import checked_samples
from pyspeech.scoring.rare_words import read_train_words
from pyspeech.transcripts import Manifest, as_manifest

if TYPE_CHECKING:
    from pyspeech.graph.compose import Graph


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
        return self._extractor.normalised(checked_samples(samples_S, sampling_rate, self.sampling_rate))

    def log_probs(self, samples_S: Samples, sampling_rate: int) -> npt.NDArray[np.float32]:
        """Natural log-probabilities [T, V] of the tokens in every output frame.

        Raises:
            UserError: as :meth:`features`.
        """
        log_probs_BTV, lengths = self._decoder.log_probs(one_utterance(self.features(samples_S, sampling_rate), ""))
        found: npt.NDArray[np.float32] = log_probs_BTV[0, : lengths[0]].cpu().numpy()
        return found

    def decode(self, samples_S: Samples, sampling_rate: int, name: str = "utterance") -> Decoded:
        """What was said: ``words``, and ``line`` as in ``hyps.jsonl``, with times, confidences and scores.

        Raises:
            UserError: as :meth:`features`.
        """
        batch = one_utterance(self.features(samples_S, sampling_rate), name)
        [decoded] = self._decoder(batch, {name: len(samples_S) / sampling_rate})
        return decoded

    def decode_cuts(self, cuts: str | PathLike[str] | Manifest) -> HeldDecode:
        """Decode the utterances of a manifest or of a ``CutSet``, many at once, in their order.

        Raises:
            UserError: the manifest is missing or damaged, or an utterance cannot be read.
        """
        manifest, decoder = as_manifest(cuts), self._decoder
        check_manifest(manifest)
        batches = inference_batches(manifest, decoder.recogniser.config.features, decoder.setup.config.batch_seconds)
        seconds = ((batch, {cut.id: cut.duration for cut in batch.cuts}) for batch in batches)
        return self.held([decoded for batch, each in seconds for decoded in decoder(batch, each)])

    def held(self, decoded: Sequence[Decoded]) -> HeldDecode:
        """Put utterances that were decoded together with what rescoring needs to know of this model."""
        setup, tokens = self._decoder.setup, self._decoder.recogniser.tokens
        return HeldDecode(
            decoded,
            tokens,
            self.frame_seconds,
            self._decoder.words,
            setup.config.acoustic_scale,
            read_train_words(setup.exp),
            self._decoder.offsets,
            setup.config.blank_penalty,
        )


def load_model(exp: Path, graph: "Path | Graph | None", device: str | None, config: DecodeConfig) -> SpeechModel:
    """Load what :func:`pyspeech.training.experiment.run` left in ``exp``; without a graph words are the greedy ones.

    Raises:
        UserError: the training is not finished, or a file is missing, damaged or does not fit the others.
        MissingPackage: there is a graph and no k2.
    """
    setup = Setup(exp, graph, "greedy" if graph is None else "one-best", str(choose_device(device)), config)
    return SpeechModel(Decoder(setup))
