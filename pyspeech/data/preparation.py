"""From a cut to what a batch of training holds of it: read, made to sound otherwise, with masks."""

from collections.abc import Iterable

import numpy as np
from lhotse import SupervisionSegment
from lhotse.cut import Cut

from pyspeech.config import Config
from pyspeech.data.audio_files import CannotRead
from pyspeech.data.augment import draw_masks, masked
from pyspeech.data.batch import Batch, Unreadable, Utterance, batch_of
from pyspeech.data.features import FeatureExtractor, load_audio
from pyspeech.data.own_augment import OwnAugment
from pyspeech.data.wave_augment import wave_augment
from pyspeech.errors import UserError


class Preparation:
    """Prepares utterances as a configuration asks for.

    ``samples``: where features are computed from audio, leave that and the masks to a device, which gets the audio.

    Raises:
        UserError: a folder of noise that is missing or holds no audio, or no augmentation of one's own as it should be.
    """

    def __init__(self, config: Config, samples: bool) -> None:
        self.augment = config.augment
        self.sampling_rate = config.features.sampling_rate
        self.samples = samples
        self.given = config.features.type == "given"
        self.extractor = FeatureExtractor(config.features)
        self.waves = wave_augment(config)
        self.own = OwnAugment(config)
        if samples and self.own.has("features"):
            raise UserError("augment.own changes features, which workers alone do; set batches.features_on: workers")

    @property
    def changes_audio(self) -> bool:
        """Whether audio is made to sound otherwise, which stored features cannot be."""
        return self.waves is not None or self.own.has("samples")

    def __call__(self, cut: Cut, text: str, speaker: str, rng: np.random.Generator) -> Utterance:
        """Prepare ``cut`` with choices from ``rng``.

        Raises:
            CannotRead: its audio or its features.
            UserError: see :class:`pyspeech.data.features.FeatureExtractor`; noise that cannot be read.
        """
        num_features = self.extractor.config.num_features
        if self.given or cut.has_features:
            matrix = self.extractor(cut)
        else:
            audio = load_audio(cut, self.sampling_rate)[0]
            if self.waves is not None:
                audio = self.waves(audio, rng)
            audio = self.own("samples", audio, rng)
            if self.samples:
                frames = self.extractor.num_frames(len(audio))
                masks = draw_masks(frames, num_features, self.augment, rng)
                samples_S = self.extractor.for_layer(audio, cut.id)
                return Utterance(cut, text, speaker, frames, samples_S=samples_S, masks=masks)
            matrix = self.extractor.normalised(audio, cut.id)
        matrix = self.own("features", matrix, rng)
        features_TF = masked(matrix, draw_masks(len(matrix), num_features, self.augment, rng))
        return Utterance(cut, text, speaker, len(matrix), features_TF)

    def batch(self, items: Iterable[tuple[Cut, str, str, np.random.Generator]]) -> Batch:
        """Prepare what can be read of the (cut, text, speaker, random choices) of one batch."""
        utterances: list[Utterance] = []
        unreadable: list[Unreadable] = []
        for cut, text, speaker, rng in items:
            try:
                utterances.append(self(cut, text, speaker, rng))
            except CannotRead as error:
                unreadable.append(Unreadable(cut.id, " ".join(str(error).split())))
        return batch_of(utterances, self.extractor.config.num_features, unreadable)


def supervision(cut: Cut) -> SupervisionSegment:
    """Return the one of a cut.

    Raises:
        UserError: it has none, or more.
    """
    if len(cut.supervisions) != 1:
        raise UserError(
            f"cut '{cut.id}' has {len(cut.supervisions)} supervisions, one is needed; "
            "cut the recording into its utterances (lhotse: trim_to_supervisions)"
        )
    return cut.supervisions[0]
