"""An experiment's settings: YAML files and key=value words become one frozen, checked value.

A YAML file may start with ``include: [fbank, train, ...]``: files of that name beside it, else in the project's
``conf/``. Later files override earlier ones, and ``key=value`` overrides all. Every default stands in ``conf/``.
"""

from collections.abc import Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from pyspeech.errors import UserError, nearest
from pyspeech.files import existing, write_text

SHARED_CONF = Path(__file__).resolve().parent.parent / "conf"


class Section(BaseModel):
    """A frozen group of settings; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


AnySection = TypeVar("AnySection", bound=Section)


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
    sampling_rate: int = Field(gt=0)
    num_mel_bins: int = Field(gt=0)
    num_ceps: int = Field(gt=0)
    frame_length_seconds: float = Field(gt=0)
    frame_shift_seconds: float = Field(gt=0)
    low_hz: float = Field(ge=0)
    high_hz: float  # zero or less: below the Nyquist frequency
    dither: float = Field(ge=0)
    normalise: Literal["none", "mean", "mean-variance"]  # over each utterance
    num_given: int | None = Field(default=None, gt=0)  # values per frame, of type given alone

    @model_validator(mode="after")
    def _in_range(self) -> "FeatureConfig":
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
    """Speed perturbation (factors) and SpecAugment (https://arxiv.org/abs/1904.08779)."""

    speeds: Annotated[  # each epoch holds every utterance at each
        tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1), AfterValidator(_different)
    ]
    time_masks: int = Field(ge=0)
    max_time_mask_frames: int = Field(ge=0)
    max_time_mask_fraction: float = Field(ge=0, le=1)
    frequency_masks: int = Field(ge=0)
    max_frequency_mask_bins: int = Field(ge=0)


class BatchConfig(Section):
    """Which utterances form a batch."""

    max_seconds: float = Field(gt=0)  # padded audio per batch
    min_utterance_seconds: float = Field(ge=0)
    max_utterance_seconds: float = Field(gt=0)
    buckets: int = Field(gt=0)
    shuffle_buffer: int = Field(gt=0)
    workers: int = Field(ge=0)


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
    average: Literal["last", "best"]
    average_epochs: int = Field(gt=0)
    ctc: Literal["torch", "k2"]
    max_bad_batches: int = Field(ge=0)  # non-finite losses or gradients before the run stops
    seed: int = Field(ge=0)


class Config(Section):
    """Everything that decides what a training run does."""

    features: FeatureConfig
    augment: AugmentConfig
    batches: BatchConfig
    training: TrainingConfig
    model: dict[str, Any]  # ``name`` and the keyword arguments of that network
    loss: dict[str, Any] | None = None  # the same of a loss, for the tasks that have a choice
    noise: NoiseConfig | None = None
    speakers: SpeakersConfig | None = None  # a training for speaker verification has it, no other

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


def load_section(path: Path, name: str, kind: type[AnySection], overrides: Sequence[str], example: str) -> AnySection:
    """Read one section of a YAML file and apply ``name.key=value`` words; ``example`` is one, for the error.

    Raises:
        UserError: unreadable YAML, an unknown key (with the nearest name) or a value out of range.
    """
    values = read_yaml(path)
    if not isinstance(values.get(name), dict):
        raise UserError(f"{path}: no section '{name}'; found {', '.join(values) or 'nothing'}")
    apply_overrides(values, overrides, f"{name}.key=value, e.g. {example}", prefix=f"{name}.")
    return check_config(kind, values[name], f"{path}: {name}")


def apply_overrides(values: dict[str, Any], overrides: Sequence[str], form: str, prefix: str = "") -> None:
    """Put ``section.key=value`` words, each beginning with ``prefix``, into nested dicts; ``form`` is for the error.

    Raises:
        UserError: a word of another form, or a value that is not YAML.
    """
    for word in overrides:
        key, equals, text = word.partition("=")
        if not equals or not key.startswith(prefix):
            raise UserError(f"'{word}' is not an override; write {form}")
        _merge(values, _nested(key.split("."), _parse(text, word)))


def load_feature_config(path: Path) -> FeatureConfig:
    """Read only the ``features`` section of a YAML file; the file may hold more."""
    values = read_yaml(path)
    if "features" not in values:
        raise UserError(f"{path}: no section 'features'; found {', '.join(values) or 'nothing'}")
    return check_config(FeatureConfig, values["features"], f"{path}: features")


def save_config(config: BaseModel, path: Path) -> None:
    """Write the resolved settings as YAML."""
    write_text(path, yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True))


def read_yaml(path: Path, including: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Read one YAML file and the files it includes into nested dicts; ``including`` are the files that led here.

    Raises:
        UserError: a file that is missing, is not valid YAML, or includes itself.
    """
    if path in including:
        raise UserError(
            f"{path} includes itself, through {', '.join(str(file) for file in including)}; break the circle"
        )
    try:
        values = yaml.safe_load(existing(path, "configuration").read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; give a YAML file") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise UserError(f"{path}: expected sections with keys, found {type(values).__name__}")
    names = values.pop("include", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"{path}: 'include' must be a list of names, found {names!r}; write include: [fbank, train]")
    merged: dict[str, Any] = {}
    for name in names:
        beside = path.parent / f"{name}.yaml"
        source = beside if beside.exists() and beside != path else SHARED_CONF / f"{name}.yaml"
        _merge(merged, read_yaml(existing(source, f"file that {path} includes"), (*including, path)))
    _merge(merged, values)
    return merged


def check_config(kind: type[AnySection], values: object, source: str) -> AnySection:
    """Turn nested dicts into a frozen section, or say which key is wrong and why."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            *parents, name = (str(part) for part in first["loc"])
            raise UserError(f"{source}: unknown key '{where}'{nearest(name, _keys(kind, parents))}") from None
        if first["type"] == "missing":
            raise UserError(f"{source}: key '{where}' is missing; include the file of conf/ that sets it") from None
        if first["type"] == "value_error":  # of a whole section: its values do not go together
            raise UserError(f"{source}{where and ': '}{where}: {first['ctx']['error']}") from None
        raise UserError(f"{source}: {where} = {first['input']!r}: {first['msg']}") from None


def _keys(kind: Any, parents: Sequence[str]) -> list[str]:  # noqa: ANN401 -- a type as it is written
    """Keys of the section at ``parents`` below ``kind``; within a dict or a tuple, whatever stands at that place."""
    if get_origin(kind) in (UnionType, Union):  # a section that may be absent
        return _keys(next(of for of in get_args(kind) if of is not NoneType), parents)
    if parents and isinstance(kind, type) and issubclass(kind, BaseModel):
        return _keys(kind.model_fields[parents[0]].annotation, parents[1:])
    if parents:
        return _keys(next(of for of in get_args(kind)[::-1] if of is not Ellipsis), parents[1:])
    assert issubclass(kind, BaseModel)
    return list(kind.model_fields)


def _nested(keys: Sequence[str], value: object) -> dict[str, Any]:
    return {keys[0]: _nested(keys[1:], value) if len(keys) > 1 else value}


def _parse(text: str, word: str) -> object:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(f"the value of '{word}' is not valid YAML: {' '.join(str(error).split())}") from error


def _merge(target: dict[str, Any], source: dict[str, Any]) -> None:
    for key, value in source.items():
        before = target.get(key)
        # Settings of one network or loss are none of another's.
        renamed = isinstance(value, dict) and isinstance(before, dict) and {"name"} <= value.keys() & before.keys()
        if isinstance(value, dict) and isinstance(before, dict) and not (renamed and value["name"] != before["name"]):
            _merge(before, value)
        else:
            target[key] = value
