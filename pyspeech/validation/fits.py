"""Whether an utterance fits the model that is to be trained: frames for its tokens, length limits, sampling rate."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from pyspeech.config import Config
from pyspeech.entries import Entry
from pyspeech.errors import UserError
from pyspeech.lang.tokens import TokenSet
from pyspeech.losses import build_loss
from pyspeech.losses.contract import FrameLoss, frame_loss
from pyspeech.models import build_model
from pyspeech.models.contract import EmbeddingNetwork, frame_network
from pyspeech.tasks.recognition import pronounced
from pyspeech.validation.faults import INFEASIBLE, OUT_OF_LIMITS, TIGHT, Finding


@dataclass(frozen=True)
class FitCheck:
    """Checks utterances of training against one configuration, and against tokens if there are any.

    Raises:
        UserError: the configuration is of no network or no loss; see :func:`pyspeech.models.build_model`.
    """

    config: Config
    tokens: TokenSet | None
    subsampling: int | None = field(init=False)  # frames for each output; None without an output for each frame
    loss: FrameLoss | None = field(init=False)  # None for one of embeddings

    def __post_init__(self) -> None:
        network = build_model(self.config.model, self.config.features.num_features, num_outputs=1)
        of_frames = frame_network(network)
        object.__setattr__(self, "subsampling", None if of_frames is None else of_frames.subsampling)
        width = network.embedding_width if isinstance(network, EmbeddingNetwork) else 1
        object.__setattr__(self, "loss", frame_loss(build_loss(self.config.loss, width, num_outputs=1)))

    def __call__(self, entry: Entry, text: str, is_dev: bool) -> Iterator[Finding]:
        """Find what keeps ``entry``, of this tidy text, out of the loss; dev is neither augmented nor limited."""
        limits = self.config.batches
        speeds = (1.0,) if is_dev or entry.stored is not None else self.config.augment.speeds
        lengths = [entry.duration / speed for speed in speeds]
        within = limits.min_utterance_seconds <= min(lengths) and max(lengths) <= limits.max_utterance_seconds
        if not is_dev and not within and self.config.speakers is None:  # which takes crops of what is there
            yield Finding(OUT_OF_LIMITS, f"{entry.duration:.2f} s")
        if self.tokens is None or self.loss is None:
            return
        try:
            needed = self.loss.frames_needed(pronounced(self.tokens, text))
        except UserError:
            return  # which the check of the text names
        for seconds, kind in ((entry.duration, INFEASIBLE), (min(lengths), TIGHT)):
            frames = self.output_frames(seconds)
            if frames is not None and needed > frames:
                yield Finding(kind, f"{needed} in {frames}")
                return

    def output_frames(self, seconds: float) -> int | None:
        """Frames of the network's output for so much audio; None if it has no output for each frame."""
        if self.subsampling is None:
            return None
        features = self.config.features
        hop = round(features.frame_shift_seconds * features.sampling_rate)
        # The extractor centres a frame on every shift: half a shift at the end still gets one.
        frames = (round(seconds * features.sampling_rate) + hop // 2) // hop
        return math.ceil(frames / self.subsampling)
