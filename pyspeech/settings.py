"""Settings: YAML files and key=value words become one frozen, checked value.

A YAML file may start with ``include: [fbank, train, ...]``: files of that name beside it, else in the project's
``conf/``. Later files override earlier ones, and ``key=value`` overrides all.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from pyspeech.errors import UserError, nearest
from pyspeech.files import existing, write_text
from pyspeech.yaml_files import parse_yaml, read_yaml_mapping

# A link to the project's ``conf/``, whose files a wheel holds in its place.
SHARED_CONF = (Path(__file__).parent / "conf").resolve()
log = logging.getLogger(__name__)


class Section(BaseModel):
    """A frozen group of settings; an unknown key is an error, and so is a number that is not finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


MOST = 1e9


def _moderate(weight: float) -> float:
    if not -MOST <= weight <= MOST:
        raise ValueError(f"a weight is from {-MOST:g} to {MOST:g}; scores times a larger one overflow")
    return weight


Weight = Annotated[float, AfterValidator(_moderate)]  # of a score
MOST_STEPS = 10_000


def _searchable(axis: tuple[float, float, float]) -> tuple[float, float, float]:
    low, high, step = axis
    if not (low <= high and step > 0):
        raise ValueError(f"[{low:g}, {high:g}, {step:g}] is no range; write [lowest, highest, step]")
    if high - low > MOST_STEPS * step:
        raise ValueError(f"[{low:g}, {high:g}, {step:g}] has more than {MOST_STEPS} steps; take larger")
    return axis


Range = Annotated[tuple[Weight, Weight, Weight], AfterValidator(_searchable)]  # lowest value, highest value, step
Penalty = Annotated[Weight, Field(le=0)]


def _named(settings: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(settings.get("name", ""), str):
        raise ValueError(f"name {settings['name']!r} is no word")
    return settings


Named = Annotated[dict[str, Any], AfterValidator(_named)]  # ``name`` of what they are for, and more
AnySection = TypeVar("AnySection", bound=Section)


def load_section(path: Path, name: str, kind: type[AnySection], overrides: Sequence[str], example: str) -> AnySection:
    """Read one section of a YAML file and apply ``name.key=value`` words; ``example`` is one, for the error.

    Raises:
        UserError: unreadable YAML, an unknown key (with the nearest name) or a value out of range.
    """
    values = read_yaml(path)
    if name not in values:
        raise UserError(f"{path}: no section '{name}'; found {', '.join(values) or 'nothing'}")
    if not isinstance(values[name], dict):
        raise UserError(f"{path}: {name} = {values[name]!r}; expected keys with values below it")
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


def save_config(config: BaseModel, path: Path) -> None:
    """Write the resolved settings as YAML."""
    write_text(path, yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True))


def differences(was: dict[str, Any], now: dict[str, Any], above: str = "") -> list[tuple[str, Any, Any]]:
    """List the keys whose values differ between nested dicts, with both values; ``above`` begins the keys' names."""
    found = []
    for key in sorted({*was, *now}):
        left, right = was.get(key), now.get(key)
        if isinstance(left, dict) and isinstance(right, dict):
            found += differences(left, right, f"{above}{key}.")
        elif left != right:
            found.append((above + key, left, right))
    return found


def read_yaml(path: Path, including: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Read one YAML file and the files it includes into nested dicts; ``including`` are the files that led here.

    Raises:
        UserError: a file that is missing, is not valid YAML, or includes itself.
    """
    if path in including:
        raise UserError(
            f"{path} includes itself, through {', '.join(str(file) for file in including)}; break the circle"
        )
    if not path.exists() and (others := [file.name for file in path.parent.glob("*.yaml")]):
        raise UserError(f"no configuration at {path}{nearest(path.name, others)}")
    values = read_yaml_mapping(path, "configuration")
    log.debug(f"read {path}")
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
    """Turn nested dicts into a frozen section.

    Raises:
        UserError: naming ``source``, which key is wrong and why.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            *parents, name = (str(part) for part in first["loc"])
            raise UserError(f"{source}: unknown key '{where}'{nearest(name, _keys(kind, parents))}") from None
        if first["type"] == "missing":
            raise UserError(
                f"{source}: key '{where}' is missing; set it, or include the file of conf/ that does"
            ) from None
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
        return parse_yaml(text)
    except ValueError as error:
        raise UserError(f"the value of '{word}' is not valid YAML: {error}") from error


def _merge(target: dict[str, Any], source: dict[str, Any]) -> None:
    for key, value in source.items():
        before = target.get(key)
        # Settings of one network or loss are none of another's.
        renamed = isinstance(value, dict) and isinstance(before, dict) and {"name"} <= value.keys() & before.keys()
        if isinstance(value, dict) and isinstance(before, dict) and not (renamed and value["name"] != before["name"]):
            _merge(before, value)
        else:
            target[key] = value
