"""What decides how a network is trained: features, augmentation, batches, network, loss, loop.

Every default stands in ``conf/``; None is one here only where a configuration may well be without the key.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, model_validator

from pyspeech.settings import Named, Section, apply_overrides, check_config, load_section, read_yaml

Number = TypeVar("Number", int, float)


def _rising(span: tuple[Number, Number]) -> tuple[Number, Number]:
    if not span[0] <= span[1]:
        raise ValueError(f"{list(span)} is no range; write the smaller number first")
    return span


def _different(speeds: tuple[float, ...]) -> tuple[float, ...]:
    if len({f"{speed:g}" for speed in speeds}) < len(speeds):
        raise ValueError(f"{list(speeds)} holds a speed twice; write each once")
    return speeds


Decibels = Annotated[tuple[float, float], AfterValidator(_rising)]
Seconds = Annotated[tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]], AfterValidator(_rising)]
Several = Annotated[tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]], AfterValidator(_rising)]


class FeatureConfig(Section):
    """How audio becomes features. Travels with the model."""

    type: Literal["fbank", "mfcc", "given"]  # given: computed by others, where there is no audio
    sampling_rate: int = Field(gt=0, le=1_000_000)
    num_mel_bins: int = Field(gt=0, le=10_000)
    num_ceps: int = Field(gt=0)
    frame_length_seconds: float = Field(gt=0, le=10)
    frame_shift_seconds: float = Field(gt=0, le=10)
    low_hz: float = Field(ge=0)
    high_hz: float  # zero or less: below the Nyquist frequency
    dither: float = Field(ge=0)
    normalise: Literal["none", "mean", "mean-variance"]  # over each utterance
    num_given: int | None = Field(default=None, gt=0, le=100_000)  # values per frame, of type given alone

    @model_validator(mode="after")
    def _in_range(self) -> "FeatureConfig":
        if min(self.frame_length_seconds, self.frame_shift_seconds) * self.sampling_rate < 1:
            spans = f"frame_length_seconds {self.frame_length_seconds}, frame_shift_seconds {self.frame_shift_seconds}"
            raise ValueError(f"{spans}: one of them is less than a sample")
        nyquist = self.sampling_rate / 2
        highest = self.high_hz if self.high_hz > 0 else nyquist + self.high_hz
        if not self.low_hz < highest <= nyquist:
            raise ValueError(f"low_hz {self.low_hz} to high_hz {highest} is no band within 0 to {nyquist} Hz")
        if self.type == "mfcc" and self.num_ceps > self.num_mel_bins:
            raise ValueError(f"num_ceps {self.num_ceps} is more than num_mel_bins {self.num_mel_bins}")
        if (self.type == "given") != (self.num_given is not None):
            raise ValueError(f"num_given {self.num_given} with type {self.type}; set it for given features alone")
        return self

    @property
    def num_features(self) -> int:
        """Values per frame."""
        by_type = {"fbank": self.num_mel_bins, "mfcc": self.num_ceps, "given": self.num_given}
        return by_type[self.type] or 0


class AugmentConfig(Section):
    """Speed perturbation (factors), SpecAugment (https://arxiv.org/abs/1904.08779), and classes of one's own."""

    speeds: Annotated[  # each epoch holds every utterance at each
        tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1), AfterValidator(_different)
    ]
    time_masks: int = Field(ge=0)
    max_time_mask_frames: int = Field(ge=0)
    max_time_mask_fraction: float = Field(ge=0, le=1)
    frequency_masks: int = Field(ge=0)
    max_frequency_mask_bins: int = Field(ge=0)
    own: tuple[Named, ...]  # module:Class and its keyword arguments, in turn: see pyspeech.data.own_augment
    volume_db: Decibels | None  # gain of the audio; normalised log energies do not feel it, MFCC without mean do


class BatchConfig(Section):
    """Which utterances form a batch."""

    max_seconds: float = Field(gt=0)  # padded audio per batch
    min_utterance_seconds: float = Field(ge=0)
    max_utterance_seconds: float = Field(gt=0)
    buckets: int = Field(gt=0)
    workers: int | None = Field(ge=0)  # processes; null: as many as cores are left where a GPU trains, else 1
    features_on: Literal["workers", "device"] | None  # null: the device where that is a GPU
    max_unreadable_fraction: float = Field(ge=0, le=1)  # of an epoch's utterances, before training stops


class SnrConfig(Section):
    """Loudness of speech above each kind of noise, in dB: lowest and highest."""

    noise: Decibels
    music: Decibels
    speech: Decibels


class NoiseConfig(Section):
    """Reverberation and noise for the audio of a training, from folders of recordings; null leaves either out.

    Below ``noise_dir``, folders called noise, music and speech tell the kind of what they hold, as in MUSAN
    (https://arxiv.org/abs/1510.08484); all else is noise. Below ``rir_dir`` lie room impulse responses, as in
    RIRS_NOISES (https://www.openslr.org/28), whose noises are known by their names and left out.
    """

    noise_dir: str | None
    noise_probability: float = Field(ge=0, le=1)
    snr_db: SnrConfig
    talkers: Several  # files of kind speech that are summed
    rir_dir: str | None
    rir_probability: float = Field(ge=0, le=1)


class SpeakersConfig(Section):
    """Batches of a training for speaker verification: crops of so many utterances of each of so many speakers."""

    per_batch: int = Field(gt=1)  # speakers
    utterances_each: int = Field(gt=0)
    crop_seconds: Seconds  # every batch draws its own length
    crops_each: int | None = Field(gt=0)  # of a speaker at each speed in an epoch; null: as a mean one has utterances

    @model_validator(mode="after")
    def _in_whole_rounds(self) -> "SpeakersConfig":
        if self.crops_each is not None and self.crops_each % self.utterances_each:
            raise ValueError(f"crops_each {self.crops_each} is no multiple of utterances_each {self.utterances_each}")
        return self


class TrainingConfig(Section):
    """The training loop."""

    epochs: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    final_learning_rate: float = Field(ge=0)
    warmup_fraction: float = Field(ge=0, lt=1)  # of all steps
    weight_decay: float = Field(ge=0)
    clip_norm: float = Field(gt=0)
    accumulate: int = Field(gt=0)  # batches per step
    precision: Literal["auto", "float32", "bf16", "fp16"]  # auto: the fastest of the device
    gradient_checkpointing: bool  # a third slower, in a fraction of the memory: for long utterances
    validate_minutes: float | None = Field(gt=0)  # besides after every epoch
    checkpoint_minutes: float | None = Field(gt=0)  # besides after every validation
    patience: int | None = Field(gt=0)  # validations in a row without a better dev error; then it ends
    average: Literal["last", "best"]
    average_epochs: int = Field(gt=0)  # checkpoints, each of a validation
    max_bad_batches: int = Field(ge=0)  # non-finite losses or gradients before the run stops
    seed: int = Field(ge=0)


class Config(Section):
    """Everything that decides what a training run does."""

    features: FeatureConfig
    augment: AugmentConfig
    batches: BatchConfig
    training: TrainingConfig
    task: str  # what the network learns: recognition, classification, verification, or module:Class of one's own
    model: Named  # the keyword arguments of that network
    loss: Named  # the same of a loss
    noise: NoiseConfig | None = None
    speakers: SpeakersConfig | None = None  # a training for speaker verification has it, no other

    @property
    def names(self) -> tuple[str, ...]:
        """Names of what is chosen by name, which may be classes of one's own: see :mod:`pyspeech.own_code`."""
        chosen = (self.model, self.loss, *self.augment.own)
        return (self.task, *(str(settings["name"]) for settings in chosen if "name" in settings))

    @model_validator(mode="after")
    def _given_features_stay_as_they_are(self) -> "Config":
        if self.features.type != "given":
            return self
        if self.augment.speeds != (1.0,):
            raise ValueError(f"augment.speeds {list(self.augment.speeds)} needs audio; set [1.0] for given features")
        if self.noise and (self.noise.noise_dir or self.noise.rir_dir):
            raise ValueError("noise needs audio; leave noise.noise_dir and noise.rir_dir out for given features")
        if self.speakers:
            raise ValueError("speakers needs audio, to crop it; given features have none")
        return self


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Read ``path`` with what it includes, apply ``section.key=value`` words, check everything.

    Raises:
        UserError: unreadable YAML, an unknown key (with the nearest name) or a value out of range.
    """
    values = read_yaml(path)
    apply_overrides(values, overrides, "section.key=value, e.g. training.epochs=10")
    return check_config(Config, values, str(path))


def load_feature_config(path: Path) -> FeatureConfig:
    """Read only the ``features`` section of a YAML file; the file may hold more."""
    return load_section(path, "features", FeatureConfig, (), "")
