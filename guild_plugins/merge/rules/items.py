"""Items of a list, a dictionary or a call: keyed, each there once.

Example: two entries added at the same place of ``__all__``. Lines that hold one
plain item each are a set that keeps its order: what either side added is there,
what either removed is not, and theirs comes after the item that it follows
there. Where all sides are sorted the result is. Items of several lines are
joined where both sides only added: whole items, ended by a comma.
"""

from __future__ import annotations

from _ast import Assign, Call, Dict, List

from guild_plugins.merge.kinds import PYTHON
from guild_plugins.merge.names import parse
from guild_plugins.merge.rules.additions import look_alike
from guild_plugins.merge.rules.sides import Lines, Place, Sides, squash

_ITEM = rb"""(?x)\s*(?:[\w.]+(?:\s+as\s+\w+)?|[rbu]?"[^"\\]*"|[rbu]?'[^'\\]*'
    |\(?[\w."', /-]+\)?|[\w.]+\([^()]*\)|[\w"'.-]+\s*[:=]\s*[^()\[\]{}]+)\s*,\s*(?:\#.*)?$"""

_BRACKETS = ((b"[", b"]"), (b"{", b"}"), (b"x(", b")"))


def settle(sides: Sides, place: Place) -> Lines | None:
    """Return the items of both sides, less what either removed."""
    if place.kind != PYTHON:
        return None
    if _are_items([*sides.base, *sides.ours, *sides.theirs]):
        return _merge_sets(sides)
    if not sides.both_added or look_alike(sides.ours, sides.theirs):
        return None
    for opening, closing in _BRACKETS:
        ours, theirs = (_keys(side, opening, closing) for side in (sides.ours, sides.theirs))
        if ours is not None and theirs is not None:
            return None if ours & theirs - {b""} else [*sides.ours, *sides.theirs]
    return None


def _are_items(lines: Lines) -> bool:
    """Return whether each line holds one plain item."""
    if not all(b"," in line for line in lines):
        return False
    import re  # costs as much as a merge, and few conflicts come this far

    return all(re.match(_ITEM, line) for line in lines)


def _merge_sets(sides: Sides) -> Lines | None:
    """Merge lines as ordered sets; ``None`` where a line is there twice, or one was edited."""
    base, ours, theirs = (_line_keys(side) for side in (sides.base, sides.ours, sides.theirs))
    if any(len(set(keys)) < len(keys) for keys in (base, ours, theirs)):
        return None
    gone_here, gone_there = set(base) - set(ours), set(base) - set(theirs)
    if (gone_here and set(ours) - set(base)) or (gone_there and set(theirs) - set(base)):
        return None  # an item was replaced: which one, and by what, is not a matter of sets
    merged = [item for item in zip(ours, sides.ours, strict=True) if item[0] not in gone_there]
    previous = b""
    for key, line in zip(theirs, sides.theirs, strict=True):
        if key not in base and key not in ours:
            places = [at + 1 for at, item in enumerate(merged) if item[0] == previous]
            merged.insert(places[0] if places else len(merged), (key, line))
        previous = key
    if all(keys == sorted(keys) for keys in (base, ours, theirs)):
        merged.sort(key=lambda item: item[0])
    return [line for _, line in merged]


def _line_keys(lines: Lines) -> list[bytes]:
    return [squash([line]).replace(b"'", b'"') for line in lines]


def _keys(block: Lines, opening: bytes, closing: bytes) -> set[bytes] | None:
    """Return the keys of whole items between brackets; ``None`` where the block holds no such."""
    if not b"".join(block).rstrip().endswith(b","):
        return None
    tree = parse(b"_ = " + opening + b"\n" + b"".join(block) + b"\n" + closing)
    value = tree.body[0].value if tree and isinstance(tree.body[0], Assign) else None
    if isinstance(value, Dict):
        names = [getattr(key, "value", None) for key in value.keys]
    elif isinstance(value, Call):
        names = [word.arg for word in value.keywords]
        if value.args:
            return None
    elif isinstance(value, List):
        names = []
    else:
        return None
    return {str(name).encode() for name in names}
