"""An experiment's settings: YAML files and key=value words become one frozen, checked value.

A YAML file may start with ``include: [fbank, train, ...]``: files of that name beside it, else in the project's
``conf/``. Later files override earlier ones, and ``key=value`` overrides all. Every default stands in ``conf/``.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pyspeech.errors import UserError, nearest
from pyspeech.files import existing, write_text

SHARED_CONF = Path(__file__).resolve().parent.parent / "conf"


class Section(BaseModel):
    """A frozen group of settings; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


AnySection = TypeVar("AnySection", bound=Section)


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

    speeds: tuple[Annotated[float, Field(gt=0)], ...] = Field(min_length=1)  # each epoch holds every utterance at each
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

    @model_validator(mode="after")
    def _given_features_have_one_speed(self) -> "Config":
        if self.features.type == "given" and self.augment.speeds != (1.0,):
            raise ValueError(f"augment.speeds {list(self.augment.speeds)} needs audio; set [1.0] for given features")
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
        if isinstance(value, dict) and isinstance(target.get(key), dict):
            _merge(target[key], value)
        else:
            target[key] = value
