"""Merge what a file consists of, piece by piece: cells, rows, definitions, each with a key.

A piece is wherever its key is. What one side alone added, changed or removed is taken
from that side; what both changed is merged by itself; what both added has a place by
the piece that it follows. Nothing is decided by likeness.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple


class Entity(NamedTuple):
    """One piece of a file: its key, and its text with all that belongs to it."""

    key: str
    text: bytes


MergeBody = Callable[[str, bytes, bytes, bytes], bytes | None]
"""Merges what both sides changed, given its key and three texts; ``None`` where it cannot."""

Entities = Sequence[Entity]


def merge_entities(
    base: Entities, ours: Entities, theirs: Entities, merge_body: MergeBody
) -> list[Entity] | None:
    """Return the merged pieces in order; ``None`` where a person has to decide."""
    sides = [{each.key: each.text for each in side} for side in (base, ours, theirs)]
    if any(len(known) < len(side) for known, side in zip(sides, (base, ours, theirs), strict=True)):
        return None
    order = _order(*([each.key for each in side] for side in (base, ours, theirs)))
    if order is None:
        return None
    merged = []
    for key in order:
        versions = [side.get(key) for side in sides]
        if _is_removed(*versions):
            continue
        text = _text(key, merge_body, *versions)
        if text is None:
            return None
        merged.append(Entity(key, text))
    return merged


def _is_removed(base: bytes | None, ours: bytes | None, theirs: bytes | None) -> bool:
    """Return whether one side removed what the other left alone."""
    return base is not None and (None in (ours, theirs)) and {ours, theirs} <= {base, None}


def _text(
    key: str,
    merge_body: MergeBody,
    base: bytes | None,
    ours: bytes | None,
    theirs: bytes | None,
) -> bytes | None:
    if ours == theirs or theirs == base:
        return ours
    if ours == base:
        return theirs
    if base is None and None in (ours, theirs):
        return ours if theirs is None else theirs
    if ours is None or theirs is None or base is None:
        return None
    return merge_body(key, base, ours, theirs)


def _order(base: list[str], ours: list[str], theirs: list[str]) -> list[str] | None:
    """Return all keys in order: that of the side which moved something, and theirs fitted in."""
    shared = set(base) & set(ours) & set(theirs)
    was, one, two = ([key for key in side if key in shared] for side in (base, ours, theirs))
    if one != two and was not in (one, two):
        return None
    first, second = (theirs, ours) if one == was != two else (ours, theirs)
    order = list(first)
    known = set(first)
    previous: str | None = None
    for key in second:
        if key not in known:
            at = order.index(previous) + 1 if previous is not None else 0
            while first is ours and at < len(order) and _came(order[at], base, second):
                at += 1
            order.insert(at, key)
            known.add(key)
        previous = key
    return order


def _came(key: str, base: list[str], second: list[str]) -> bool:
    """Return whether a piece was added by the first side alone: what it added goes first."""
    return key not in base and key not in second
