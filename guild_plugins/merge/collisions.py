"""Names that one side of a merge removed and the other began to use, in other files.

Every file may merge, and the program still be broken. Looked at are names at the
top of modules: functions, classes, constants. Imports are followed as Python would
follow them. What a name is used for inside its own module is `verify`'s to check;
methods and parameters are not looked at: whose they are, syntax does not say.
"""

from __future__ import annotations

from _ast import (
    AST,
    AnnAssign,
    Assign,
    AsyncFunctionDef,
    Attribute,
    ClassDef,
    FunctionDef,
    Import,
    ImportFrom,
    Load,
    Module,
    Name,
    Try,
    alias,
)
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from guild_plugins.graph.imports import Import as Meant
from guild_plugins.graph.modules import Modules
from guild_plugins.merge.names import parse, walk
from guild_plugins.scopes.layout import USUAL_ROOTS
from guild_plugins.scopes.workspace import PROJECT_FILES


class Versions(NamedTuple):
    """A file that a side changed, in all versions; empty where there is none."""

    base: bytes
    ours: bytes
    theirs: bytes
    merged: bytes


class Collision(NamedTuple):
    """A name that is not in a module any more, and a file that began to use it."""

    user: str
    module: str
    name: str
    remover: str
    """The side that removed it: ``ours`` or ``theirs``."""

    def __str__(self) -> str:
        other = "theirs" if self.remover == "ours" else "ours"
        return (
            f"{self.remover} removed or renamed {self.name} in {self.module}, "
            f"and {other} began to use it in {self.user}"
        )


class Use(NamedTuple):
    """A name of a module, as a file takes it: ``from module import name`` or ``module.name``."""

    module: str
    level: int
    name: str


def find_collisions(
    changed: Mapping[str, Versions], paths: Collection[str]
) -> tuple[Collision, ...]:
    """Return what collides.

    :param changed: The Python files that either side changed, by path.
    :param paths: All paths of the merged tree.
    """
    found: list[Collision] = []
    for remover, user in (("ours", "theirs"), ("theirs", "ours")):
        gone = {path: names for path, v in changed.items() if (names := removed_names(v, remover))}
        if gone:
            modules = Modules({*paths, *changed}, source_folders(paths))
            for path, versions in changed.items():
                uses = new_uses(versions, user)
                found += _colliding(path, uses, gone, modules, remover)
    return tuple(found)


def _colliding(
    path: str, uses: set[Use], gone: Mapping[str, set[str]], modules: Modules, remover: str
) -> Iterator[Collision]:
    names = set().union(*gone.values())
    for use in sorted(use for use in uses if use.name in names):
        meant = modules.find(path, Meant(use.module, (use.name,), 0, use.level))
        for module in meant.files:
            if use.name in gone.get(module, ()):
                yield Collision(path, module, use.name, remover)


def removed_names(versions: Versions, remover: str) -> set[str]:
    """Return the names that a side took out of a module, and that the merge has not either."""
    after = versions.ours if remover == "ours" else versions.theirs
    if not versions.base or after == versions.base:
        return set()
    trees = [parse(text) for text in (versions.base, after, versions.merged)]
    before, left = trees[0], [tree for tree in trees[1:] if tree is not None]
    if before is None or trees[1] is None or any(map(_is_open, left)):
        return set()
    return _bound(before) - set().union(*map(_bound, left))


def _is_open(tree: Module) -> bool:
    """Return whether a module may have names that are not seen: a star, or ``__getattr__``."""
    names = _bound(tree)
    return "*" in names or "__getattr__" in names


def _bound(tree: Module) -> set[str]:
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


def new_uses(versions: Versions, side: str) -> set[Use]:
    """Return what a side began to use, and the merge uses."""
    after = versions.ours if side == "ours" else versions.theirs
    if after == versions.base:
        return set()
    base, new, merged = (_uses(text) for text in (versions.base, after, versions.merged or after))
    return (new - base) & (merged or new)


def _uses(text: bytes) -> set[Use]:
    tree = parse(text)
    if tree is None:
        return set()
    nodes = walk(tree)
    tried = {id(n) for t in nodes if isinstance(t, Try) for s in t.body for n in walk(s)}
    uses: set[Use] = set()
    modules: dict[str, tuple[str, int]] = {}
    for node in nodes:
        if isinstance(node, ImportFrom):
            for each in node.names:
                inner = f"{node.module}.{each.name}" if node.module else each.name
                modules[each.asname or each.name] = (inner, node.level)
                if id(node) not in tried:
                    uses.add(Use(node.module or "", node.level, each.name))
        elif isinstance(node, Import):
            for each in node.names:
                modules[each.asname or each.name] = (each.name, 0)
    for node in nodes:
        if isinstance(node, Attribute) and isinstance(node.ctx, Load):
            owner = modules.get(_dotted(node.value))
            if owner is not None:
                uses.add(Use(*owner, node.attr))
    return uses


def _dotted(node: AST) -> str:
    if isinstance(node, Attribute):
        inner = _dotted(node.value)
        return inner and f"{inner}.{node.attr}"
    return node.id if isinstance(node, Name) else ""


def source_folders(paths: Collection[str]) -> list[str]:
    """Return the folders that packages may lie in: of every project, and the usual ones in it."""
    folders = {path.rpartition("/")[0] for path in paths if path.endswith(PROJECT_FILES)} | {""}
    inner = [f"{folder}/{usual}".strip("/") for folder in folders for usual in USUAL_ROOTS]
    return [*sorted(inner), *sorted(folders)]
