"""A frozen dataclass as the line of Python that makes it, laid out as ``ruff format`` lays it out."""

import json
from dataclasses import MISSING, Field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

LINE = 120


def assignment(name: str, value: "DataclassInstance") -> str:
    """``NAME = Table("a.tsv", audio="{id}.wav")``: the first field by its place, the others that differ by name.

    Fields hold strings, numbers, booleans and tuples of them.
    """
    given = [field for field in fields(value) if not _is_default(field, getattr(value, field.name))]
    words = [
        ("" if field is fields(value)[0] else f"{field.name}=") + literal(getattr(value, field.name)) for field in given
    ]
    opening = f"{name} = {type(value).__name__}("
    whole = f"{opening}{', '.join(words)})"
    if len(whole) <= LINE:
        return whole
    indented = f"    {', '.join(words)}"
    if len(indented) <= LINE:
        return f"{opening}\n{indented}\n)"
    return "\n".join([opening, *(f"    {word}," for word in words), ")"])


def literal(value: object) -> str:
    """``value`` as Python, strings in double quotes unless single ones need fewer backslashes."""
    if isinstance(value, tuple):
        inner = ", ".join(literal(part) for part in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if not isinstance(value, str):
        return repr(value)
    double = json.dumps(value, ensure_ascii=False)  # every JSON string is a Python string
    if value.count('"') <= value.count("'"):
        return double
    inner = double[1:-1].replace('\\"', '"').replace("'", "\\'")
    return f"'{inner}'"


def _is_default(field: "Field[Any]", value: object) -> bool:
    if field.default_factory is not MISSING:
        return bool(field.default_factory() == value)
    return bool(field.default == value)
