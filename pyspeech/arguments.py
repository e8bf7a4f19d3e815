"""Settings as keyword arguments of a class that they name, checked against its signature."""

import inspect
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from pyspeech.errors import UserError, nearest
from pyspeech.own_code import own_class

# What such classes write into their signatures.
Count = Annotated[int, Field(gt=0, le=1 << 16)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
NO_MEMORY = "allocate memory"  # torch says so in a RuntimeError

Kind = TypeVar("Kind")


def build(
    section: str, settings: Mapping[str, Any], known: Mapping[str, type[Kind]], given: Mapping[str, object]
) -> Kind:
    """Make what ``settings["name"]`` names (:func:`named`), with the other keys as its keyword arguments.

    ``section`` is what errors call the settings (``model``, ``loss``). ``given`` follows from the data, not from the
    settings; each takes of it what its signature asks for.

    Raises:
        UserError: no or an unknown name, an unknown or missing key (with the nearest name), a value out of range, or
            too little memory for so large a network.
    """
    kind = named(section, settings, known)
    arguments = dict(settings)
    name = arguments.pop("name")
    parameters = inspect.signature(kind).parameters
    allowed = {key: parameter.annotation for key, parameter in parameters.items() if key not in given}
    for key, value in arguments.items():
        if key not in allowed:
            raise UserError(f"unknown key '{section}.{key}' of {name}{_instead(key, allowed)}")
        _check(f"{section}.{key}", value, allowed[key])
    see = f", see conf/{name}.yaml" if name in known else ""
    if missing := [key for key in allowed if key not in arguments]:
        raise UserError(f"key '{section}.{missing[0]}' is missing; {name} needs it{see}")
    try:
        return kind(**{key: value for key, value in given.items() if key in parameters}, **arguments)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and NO_MEMORY not in str(error):
            raise
        raise UserError(f"this {section} of {name} does not fit into memory; choose smaller values") from error


def named(section: str, settings: Mapping[str, Any], known: Mapping[str, type[Kind]]) -> type[Kind]:
    """Return what ``settings["name"]`` names: one of ``known``, or a class of one's own (:mod:`pyspeech.own_code`).

    Raises:
        UserError: no or an unknown name, with the nearest.
    """
    name = settings.get("name")
    kind: type[Kind] | None = known.get(name) or own_class(str(name)) if name is not None else None
    if kind is None:
        raise UserError(f"{section}.name = {name!r} is not a {section}{nearest(str(name), known)}")
    return kind


def _instead(key: str, allowed: Mapping[str, Any]) -> str:
    return nearest(key, allowed) if allowed else ", which has no keys but its name"


def _check(key: str, value: object, kind: Any) -> None:  # noqa: ANN401 -- a type as it is written
    try:
        TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError as error:
        raise UserError(f"{key} = {value!r}: {error.errors()[0]['msg']}") from None
