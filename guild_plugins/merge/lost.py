"""What one side of a merge took from a Python module, and the merge does not have either."""

from __future__ import annotations

from _ast import (
    AST,
    AnnAssign,
    Assign,
    AsyncFunctionDef,
    Attribute,
    ClassDef,
    FunctionDef,
    Module,
    Name,
    Store,
    alias,
)
from collections.abc import Mapping
from typing import NamedTuple

from guild_plugins.graph.boundaries.supplied import GETATTR, supplied_names
from guild_plugins.graph.boundaries.surface import Signature, read_surface
from guild_plugins.merge.names import parse, walk

Changed = Mapping[str, tuple[Signature, Signature]]


class Versions(NamedTuple):
    """A file that a side changed, in all versions; empty where there is none."""

    base: bytes
    ours: bytes
    theirs: bytes
    merged: bytes

    def of(self, side: str) -> bytes:
        """Return the version of ``ours`` or ``theirs``."""
        return self.ours if side == "ours" else self.theirs


class Lost(NamedTuple):
    """What a module does not offer any more.

    :param names: At its top.
    :param methods: In its classes, by name: the classes.
    :param signatures: Functions and classes that are called otherwise: before and after.
    :param is_gone: There is no such file any more.
    """

    names: frozenset[str]
    methods: Mapping[str, frozenset[str]]
    signatures: Changed
    is_gone: bool = False

    @property
    def words(self) -> set[str]:
        """All names of it."""
        return {*self.names, *self.methods, *self.signatures}

    def __bool__(self) -> bool:
        return bool(self.words) or self.is_gone


_NOTHING = Lost(frozenset(), {}, {})


def find_lost(versions: Versions, remover: str) -> Lost:
    """Return what a side took out of a module, and the merge does not have."""
    after = versions.of(remover)
    if not versions.base or after == versions.base:
        return _NOTHING
    before, *left = map(parse, (versions.base, after, versions.merged))
    trees = [tree for tree in left if tree is not None]
    if before is None or left[0] is None or any(map(_is_open, trees)):
        return _NOTHING
    supplied = set[str]().union(*(supplied_names(tree.body) or () for tree in trees))
    names = bound_names(before) - set().union(*map(bound_names, trees)) - supplied
    methods = _members(before)
    for tree in trees:
        methods = {name: owners for name, owners in methods.items() if name not in _all_bound(tree)}
    own = trees[-1]
    return Lost(frozenset(names), methods, _called_otherwise(before, own), not versions.merged)


def bound_names(tree: Module) -> set[str]:
    """Return the names at the top of a module, those under ``if`` and ``try`` included."""
    names: set[str] = set()
    waiting: list[AST] = [tree]
    for node in waiting:
        if isinstance(node, FunctionDef | AsyncFunctionDef | ClassDef):
            names.add(node.name)
            continue
        if isinstance(node, Assign | AnnAssign):
            targets = node.targets if isinstance(node, Assign) else [node.target]
            names |= {n.id for t in targets for n in walk(t) if isinstance(n, Name)}
            continue
        if isinstance(node, alias):
            names.add((node.asname or node.name).split(".")[0])
        for field in ("body", "orelse", "finalbody", "handlers", "names"):
            part = getattr(node, field, None)
            waiting += part if isinstance(part, list) and not isinstance(node, alias) else []
    return {name for name in names if isinstance(name, str)}


def _is_open(tree: Module) -> bool:
    """Return whether a module may have names that are not seen: a star, or ``__getattr__``."""
    names = bound_names(tree)
    return "*" in names or (GETATTR in names and supplied_names(tree.body) is None)


def _members(tree: Module) -> dict[str, frozenset[str]]:
    """Return the methods of the classes at the top, each with its classes."""
    found: dict[str, frozenset[str]] = {}
    for owner in tree.body:
        if not isinstance(owner, ClassDef):
            continue
        for node in owner.body:
            if isinstance(node, FunctionDef | AsyncFunctionDef) and node.name[:2] != "__":
                found[node.name] = found.get(node.name, frozenset()) | {owner.name}
    return found


def _all_bound(tree: Module) -> set[str]:
    """Return every name that a module gives to anything, attributes included."""
    found: set[str] = set()
    for node in walk(tree):
        if isinstance(node, FunctionDef | AsyncFunctionDef | ClassDef):
            found.add(node.name)
        elif isinstance(node, Name) and isinstance(node.ctx, Store):
            found.add(node.id)
        elif isinstance(node, Attribute) and isinstance(node.ctx, Store):
            found.add(node.attr)
        elif isinstance(node, alias):
            found.add((node.asname or node.name).split(".")[0])
    return found


def _called_otherwise(before: Module, after: Module) -> Changed:
    old, new = read_surface(before), read_surface(after)
    return {
        name: (was, now)
        for name, was in old.items()
        if was is not None and (now := new.get(name)) is not None and was != now
    }
