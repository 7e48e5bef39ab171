"""Values to plain data and back, checked.

Only what the journal needs: frozen dataclasses of text, numbers, flags, tuples,
literals, optionals, and other such dataclasses. Without pydantic, since hooks
write events as well, and its import costs more than all of their work.
"""

from __future__ import annotations

import json
import types
from dataclasses import MISSING, asdict, fields, is_dataclass
from functools import cache
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Value = TypeVar("Value")

_NUMBERS: Final = {float: (int, float), int: (int,)}


class Undecodable(ValueError):
    """Data is not what its type says; the message names the place."""


def encode(value: Any) -> str:
    """Return a dataclass as JSON, always the same for the same value."""
    return json.dumps(asdict(value), sort_keys=True, separators=(",", ":"))


def decode(kind: type[Value], text: str | bytes) -> Value:
    """Return the value that `encode` made the text from.

    :raises Undecodable: The text is no JSON, or does not fit.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Undecodable(f"no JSON: {error}") from None
    value: Value = _read(kind, data, kind.__name__)
    return value


def _read(kind: Any, data: Any, place: str) -> Any:
    origin = get_origin(kind)
    if is_dataclass(kind):
        return _read_fields(kind, data, place)
    if origin in (Union, types.UnionType):
        if data is None and types.NoneType in get_args(kind):
            return None
        (inner,) = (arg for arg in get_args(kind) if arg is not types.NoneType)
        return _read(inner, data, place)
    if origin is tuple and isinstance(data, list):
        return tuple(_read(get_args(kind)[0], item, f"{place}[]") for item in data)
    if origin is Literal and data in get_args(kind):
        return data
    if kind in _NUMBERS and type(data) in _NUMBERS[kind]:
        return kind(data)
    if kind in (str, bool) and type(data) is kind:
        return data
    raise Undecodable(f"{place} is {str(data)[:80]!r}, not {kind}")


def _read_fields(kind: Any, data: Any, place: str) -> Any:
    if not isinstance(data, dict):
        raise Undecodable(f"{place} is no object")
    hints, needed = _shape(kind)
    if not needed <= data.keys() <= hints.keys():
        odd = sorted((needed - data.keys()) | (data.keys() - hints.keys()))
        raise Undecodable(f"{place} has missing or unknown fields: {', '.join(map(str, odd))}")
    return kind(
        **{name: _read(hints[name], item, f"{place}.{name}") for name, item in data.items()}
    )


@cache
def _shape(kind: Any) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the fields' types, and the names of those that must be there."""
    hints = get_type_hints(kind)
    needed = (
        field.name
        for field in fields(kind)
        if field.default is MISSING and field.default_factory is MISSING
    )
    return {field.name: hints[field.name] for field in fields(kind)}, frozenset(needed)
