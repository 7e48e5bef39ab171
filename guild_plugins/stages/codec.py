"""Values to plain data and back, checked.

Only what the journal needs: frozen dataclasses of text, numbers, flags, tuples,
literals, optionals, and other such dataclasses. Without pydantic, since hooks
write events as well, and its import costs more than all of their work.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from operator import itemgetter
from typing import (
    Any,
    Final,
    Literal,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

Value = TypeVar("Value")

_NUMBERS: Final = {float: (int, float), int: (int,)}


class Undecodable(ValueError):
    """Data is not what its type says; the message names the place."""


def encode(value: Any) -> str:
    """Return a dataclass as JSON, always the same for the same value."""
    return _ENCODER.encode(_plain(value))


def decode(kind: type[Value], text: str | bytes) -> Value:
    """Return the value that `encode` made the text from.

    :raises Undecodable: The text is no JSON, or does not fit.
    """
    try:
        data = _parse(text)
    except (ValueError, RecursionError) as error:
        raise Undecodable(f"no JSON: {error}") from None
    of_any: Any = kind
    value: Value = _reader(of_any)(data, kind.__name__)
    return value


def _parse(text: str | bytes) -> Any:
    if isinstance(text, str):
        data, end = _DECODER.raw_decode(text)  # half the time of loads, with what `encode` writes
        if end == len(text):
            return data
    return json.loads(text)


def _plain(value: Any) -> dict[str, Any]:
    """Return a dataclass's fields; what they hold is asked for in turn."""
    if not is_dataclass(value):
        raise TypeError(f"{type(value).__name__} is no plain data")
    of_any: Any = type(value)
    return {name: getattr(value, name) for name in _names(of_any)}


_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_plain)

_DECODER: Final = json.JSONDecoder()

_Reader: TypeAlias = Callable[[Any, str], Any]
"""Reads a value of one type: gets the data and what to call it."""


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


@cache
def _reader(kind: Any) -> _Reader:
    """Return what reads a type. Made once: a journal has millions of lines, and few types."""
    origin = get_origin(kind)
    if is_dataclass(kind):
        return _fields_reader(kind)
    if _is_union(kind):
        (inner,) = (arg for arg in get_args(kind) if arg is not types.NoneType)
        return _optional_reader(_reader(inner)) if types.NoneType in get_args(kind) else _no(kind)
    if origin is tuple:
        return _items_reader(kind, _reader(get_args(kind)[0]))
    if origin is Literal:
        allowed = get_args(kind)
        return lambda data, place: data if data in allowed else _refuse(kind, data, place)
    if kind in _NUMBERS:
        accepted = _NUMBERS[kind]
        return lambda data, place: (
            kind(data) if type(data) in accepted else _refuse(kind, data, place)
        )
    if kind in (str, bool):
        return lambda data, place: data if type(data) is kind else _refuse(kind, data, place)
    return _no(kind)


def _no(kind: Any) -> _Reader:
    return lambda data, place: _refuse(kind, data, place)


def _refuse(kind: Any, data: Any, place: str) -> Any:
    raise Undecodable(f"{place} is {str(data)[:80]!r}, not {kind}")


def _optional_reader(inner: _Reader) -> _Reader:
    return lambda data, place: None if data is None else inner(data, place)


def _items_reader(kind: Any, inner: _Reader) -> _Reader:
    def read(data: Any, place: str) -> Any:
        if not isinstance(data, list):
            _refuse(kind, data, place)
        return tuple([inner(item, f"{place}[]") for item in data])

    return read


def _fields_reader(kind: Any) -> _Reader:
    hints = get_type_hints(kind)
    readers = {name: _reader(hints[name]) for name in _names(kind)}
    needed = frozenset(
        field.name
        for field in fields(kind)
        if field.default is MISSING and field.default_factory is MISSING
    )

    shapes = _Shapes(kind, hints)

    def read(data: Any, place: str) -> Any:
        made = shapes.make(data)
        if made is not None:
            return made
        if not isinstance(data, dict):
            raise Undecodable(f"{place} is no object")
        if not needed <= data.keys() <= readers.keys():
            odd = sorted((needed - data.keys()) | (data.keys() - readers.keys()))
            names = ", ".join(map(str, odd))
            raise Undecodable(f"{place} has missing or unknown fields: {names}")
        return kind(**{name: readers[name](item, f"{place}.{name}") for name, item in data.items()})

    return read


class _Shapes:
    """The types that a kind's fields may have in JSON, where they are taken as they are.

    Looked up, not gone through, and put where they belong without `__init__`, which asks
    a frozen class for leave each time: most of the time that a long journal takes to
    read would be for that.
    """

    def __init__(self, kind: Any, hints: dict[str, Any]) -> None:
        names = _names(kind)
        slots = [getattr(kind, name, None) for name in names]
        self._allowed = [_as_they_are(hints[name]) for name in names]
        self._is_simple = (
            len(names) > 1
            and all(self._allowed)
            and all(isinstance(slot, types.MemberDescriptorType) for slot in slots)
            and not hasattr(kind, "__post_init__")
        )
        self._kind, self._count = kind, len(names)
        self._values = itemgetter(*names) if names else None
        setters = [getattr(slot, "__set__", None) for slot in slots]
        self._setters: list[Any] = setters if self._is_simple else []
        self._known: set[tuple[type, ...]] = set()

    def make(self, data: Any) -> Any:
        """Return the value; ``None`` where the data is to be looked at more closely."""
        if not self._is_simple or type(data) is not dict or len(data) != self._count:
            return None
        assert self._values is not None, "there are fields"
        try:
            values = self._values(data)
        except KeyError:
            return None
        shape = tuple(map(type, values))
        if shape not in self._known:
            pairs = zip(shape, self._allowed, strict=True)
            if not all(each in allowed for each, allowed in pairs):
                return None
            self._known.add(shape)
        made = object.__new__(self._kind)
        for put, value in zip(self._setters, values, strict=True):
            put(made, value)
        return made


def _as_they_are(kind: Any) -> frozenset[type]:
    """Return the types that JSON has for a field's values; none where they are to be read."""
    parts = get_args(kind) if _is_union(kind) else (kind,)
    plain = (str, bool, int, float, types.NoneType)
    return frozenset(parts) if all(part in plain for part in parts) else frozenset()


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, types.UnionType)
