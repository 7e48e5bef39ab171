"""Whether a merged text is sound, given the texts that it was made of."""

from __future__ import annotations

from guild_plugins.merge.data import (
    FORMATS,
    Differs,
    NotReadable,
    holds,
    merge_values,
    read_value,
)
from guild_plugins.merge.kinds import CHANGELOG, NOTEBOOK, PATTERNS, PEOPLE, PYTHON
from guild_plugins.merge.names import doubled_definitions, parse, undefined_names

FEWEST = 4
"""A line of a list with fewer words may be there twice."""

_LISTS = (CHANGELOG, PEOPLE, PATTERNS)


class Fault:
    """What is wrong with a merged text that is not wrong with its inputs, and which names it is."""

    __slots__ = ("names", "reason")

    def __init__(self, reason: str, names: set[str] | None = None) -> None:
        self.reason, self.names = reason, names or set()


def find_fault(kind: str, merged: bytes, base: bytes, ours: bytes, theirs: bytes) -> Fault | None:
    """Return what is wrong with a merged text, or ``None``."""
    if kind == PYTHON:
        return _python_fault(merged, ours, theirs)
    if kind == NOTEBOOK and (reason := _cells_fault(merged, base, ours, theirs)):
        return Fault(reason)
    if kind in FORMATS:
        return _data_fault(kind, merged, base, ours, theirs)
    if kind in _LISTS:
        return _list_fault(merged, ours, theirs)
    return None


def _cells_fault(*texts: bytes) -> str | None:
    from guild_plugins.merge.cells import cells_fault

    return cells_fault(*texts)


def _list_fault(merged: bytes, ours: bytes, theirs: bytes) -> Fault | None:
    """Return that an entry is there more often than on either side: one side moved it."""
    found, one, two = map(_entries, (merged, ours, theirs))
    for entry, count in found.items():
        if count > max(one.get(entry, 0), two.get(entry, 0)):
            return Fault("an entry would be there twice")
    return None


def _entries(text: bytes) -> dict[bytes, int]:
    """Count the lines that say something: a heading or a bullet may well be there twice."""
    counts: dict[bytes, int] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= FEWEST:
            key = b"".join(words)
            counts[key] = counts.get(key, 0) + 1
    return counts


def _data_fault(kind: str, merged: bytes, base: bytes, ours: bytes, theirs: bytes) -> Fault | None:
    try:
        one, two = read_value(kind, ours), read_value(kind, theirs)
    except NotReadable:
        return None
    try:
        found = read_value(kind, merged)
    except NotReadable as error:
        return Fault(f"the merged text could not be read: {error}")
    try:
        wanted = merge_values(read_value(kind, base) if base else {}, one, two)
    except (NotReadable, Differs):
        return None
    if holds(found, wanted):
        return None
    return Fault("the merged text would not hold the merged values")


def _python_fault(merged: bytes, ours: bytes, theirs: bytes) -> Fault | None:
    tree = parse(merged)
    if tree is None:
        readable = any(parse(text) is not None for text in (ours, theirs))
        return Fault("the merged text would be no valid Python") if readable else None
    doubled, undefined = doubled_definitions(tree), undefined_names(tree)
    if not doubled and not undefined:
        return None
    for side in map(parse, (ours, theirs)):
        if side is not None:
            doubled -= doubled_definitions(side)
            undefined -= undefined_names(side)
    if doubled:
        return Fault(f"{', '.join(sorted(doubled))} would be defined twice", doubled)
    if undefined:
        return Fault(f"{', '.join(sorted(undefined))} would not be defined", undefined)
    return None
