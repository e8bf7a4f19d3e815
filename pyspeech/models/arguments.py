"""Settings as keyword arguments of a network or a loss, checked against its signature."""

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import Field, TypeAdapter, ValidationError
from torch import nn

from pyspeech.errors import UserError, nearest

# What the networks and losses write into their signatures.
Count = Annotated[int, Field(gt=0, le=1 << 16)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
NO_MEMORY = "allocate memory"  # torch says so in a RuntimeError

AnyModule = TypeVar("AnyModule", bound=nn.Module)


def build(
    section: str, settings: Mapping[str, Any], known: Mapping[str, Callable[..., AnyModule]], given: Mapping[str, int]
) -> AnyModule:
    """Make what ``settings["name"]`` names among ``known``, with the other keys as its keyword arguments.

    ``section`` is what errors call the settings (``model``, ``loss``). ``given`` follows from the data, not from the
    settings; each takes of it what its signature asks for.

    Raises:
        UserError: no or an unknown name, an unknown or missing key (with the nearest name), a value out of range, or
            too little memory for so large a network.
    """
    arguments = dict(settings)
    name = arguments.pop("name", None)
    if name not in known:
        raise UserError(f"{section}.name = {name!r} is not a {section}{nearest(str(name), known)}")
    parameters = inspect.signature(known[name]).parameters
    allowed = {key: parameter.annotation for key, parameter in parameters.items() if key not in given}
    for key, value in arguments.items():
        if key not in allowed:
            raise UserError(f"unknown key '{section}.{key}' of {name}{_instead(key, allowed)}")
        _check(f"{section}.{key}", value, allowed[key])
    if missing := [key for key in allowed if key not in arguments]:
        raise UserError(f"key '{section}.{missing[0]}' is missing; {name} needs it, see conf/{name}.yaml")
    try:
        return known[name](**{key: value for key, value in given.items() if key in parameters}, **arguments)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and NO_MEMORY not in str(error):
            raise
        raise UserError(f"this {section} of {name} does not fit into memory; choose smaller values") from error


def _instead(key: str, allowed: Mapping[str, Any]) -> str:
    return nearest(key, allowed) if allowed else ", which has no keys but its name"


def _check(key: str, value: object, kind: Any) -> None:  # noqa: ANN401 -- a type as it is written
    try:
        TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError as error:
        raise UserError(f"{key} = {value!r}: {error.errors()[0]['msg']}") from None
