"""What one side of a merge took away and the other began to use, in other files.

Every file may merge, and the program still be broken. Looked at are modules, the
names at their top, how functions and classes are called, and methods. Imports are
followed as Python would follow them. What a name is used for inside its own module
is `verify`'s to check. Whose method an attribute is, syntax does not say: it is told
where nothing of the name is left in the whole tree, and the file names its class.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple, Protocol

from guild_plugins.graph.boundaries.surface import is_moved
from guild_plugins.graph.imports import Import as Meant
from guild_plugins.graph.modules import Modules
from guild_plugins.merge.begun import Begun, Called, find_begun
from guild_plugins.merge.bindings import Use
from guild_plugins.merge.glance import Glance
from guild_plugins.merge.lost import Lost, Versions, bound_names, find_lost
from guild_plugins.merge.names import parse
from guild_plugins.scopes.kinds import PROJECT_FILES, USUAL_ROOTS

MOST_PASSED = 4
"""So many modules that pass a name on by a star are followed, one after the other."""

NAME, METHOD, MODULE, CALL = "name", "method", "module", "call"

_DID = {
    NAME: "removed or renamed",
    METHOD: "removed or renamed",
    MODULE: "removed or moved",
    CALL: "changed the parameters of",
}
_OTHER = {"ours": "theirs", "theirs": "ours"}


class Merged(Protocol):
    """The merged tree."""

    def paths(self) -> Collection[str]:
        """Return all paths."""

    def read(self, path: str) -> bytes:
        """Return a file's content; nothing for none."""

    def defining(self, names: Collection[str]) -> Collection[str]:
        """Return those of some names that any Python file may give to something."""


class Collision(NamedTuple):
    """A name that is not in a module as it was, and a file that began to use it so."""

    user: str
    module: str
    name: str
    remover: str
    """The side that removed or changed it: ``ours`` or ``theirs``."""
    kind: str = NAME

    @property
    def paths(self) -> tuple[str, str]:
        """The two files."""
        return self.user, self.module

    def __str__(self) -> str:
        place = f"{self.name} in {self.module}" if self.name else self.module
        return (
            f"{self.remover} {_DID[self.kind]} {place}, "
            f"and {_OTHER[self.remover]} began to use it in {self.user}"
        )


def find_collisions(changed: Mapping[str, Versions], tree: Merged) -> tuple[Collision, ...]:
    """Return what collides.

    :param changed: The Python files that either side changed, by path.
    :param tree: Asked for where it matters.
    """
    found: dict[Collision, None] = {}
    glances = {side: _glances(changed, side) for side in _OTHER}
    for remover in ("ours", "theirs"):
        lost, begun = _candidates(changed, glances, remover)
        if any(lost.values()) and begun:
            look = _Look(changed, tree, lost, remover)
            for path, uses in begun.items():
                found.update(dict.fromkeys(look.colliding(path, uses)))
    return tuple(found)


def _glances(changed: Mapping[str, Versions], side: str) -> dict[str, Glance]:
    return {
        path: Glance(versions.base, versions.of(side))
        for path, versions in changed.items()
        if versions.base != versions.of(side)
    }


def _candidates(
    changed: Mapping[str, Versions], glances: Mapping[str, dict[str, Glance]], remover: str
) -> tuple[dict[str, Lost], dict[str, Begun]]:
    """Return what was lost and what was begun to use, of files that may have to do with it."""
    user = _OTHER[remover]
    gone = {path: glance.lost_words() for path, glance in glances[remover].items()}
    come = {path: glance.new_words() for path, glance in glances[user].items()}
    common = set().union(*gone.values()) & set().union(*come.values())
    moved = {path for path in gone if changed[path].base and not changed[path].of(remover)}
    lost = {
        path: found
        for path, words in gone.items()
        if (words & common or path in moved) and (found := find_lost(changed[path], remover))
    }
    words = {word.encode() for found in lost.values() for word in found.words}
    words |= {part.encode() for path in moved & lost.keys() for part in _module_words(path)}
    begun = {path: find_begun(changed[path], user) for path, found in come.items() if found & words}
    return lost, begun


def _module_words(path: str) -> list[str]:
    """Return the last two words of the dotted name of a module."""
    return path.removesuffix("/__init__.py").rpartition(".")[0].split("/")[-2:]


class _Look:
    """One side's losses, and how imports find them."""

    def __init__(
        self, changed: Mapping[str, Versions], tree: Merged, lost: Mapping[str, Lost], remover: str
    ) -> None:
        self._changed, self._tree, self._lost, self._remover = changed, tree, lost, remover
        self._names = {word for found in lost.values() for word in found.words}

    @cached_property
    def _paths(self) -> Collection[str]:
        return self._tree.paths()

    @cached_property
    def _modules(self) -> Modules:
        return Modules({*self._paths, *self._changed}, source_folders(self._paths))

    @cached_property
    def _methods(self) -> dict[str, list[tuple[str, frozenset[str]]]]:
        """The methods that are nowhere in the tree any more: name to modules and classes."""
        of: dict[str, list[tuple[str, frozenset[str]]]] = {}
        for path, found in self._lost.items():
            for name, owners in found.methods.items():
                of.setdefault(name, []).append((path, owners))
        left = self._tree.defining(of) if of else ()
        return {name: places for name, places in of.items() if name not in left}

    def colliding(self, path: str, begun: Begun) -> Iterator[Collision]:
        """Yield what a file began to use that is lost."""
        for use in sorted(begun.uses):
            if use.name in self._names or not use.name or self._is_module(use.name):
                yield from self._lost_names(path, use)
        for call in sorted(begun.calls, key=lambda call: call.use):
            if call.use.name in self._names:
                yield from self._misfits(path, call)
        wanted = begun.attributes & {n for found in self._lost.values() for n in found.methods}
        for name in sorted(wanted):
            yield from self._lost_methods(path, name)

    def _is_module(self, name: str) -> bool:
        return any(
            found.is_gone and name in _module_words(path) for path, found in self._lost.items()
        )

    def _lost_names(self, path: str, use: Use) -> Iterator[Collision]:
        for module in self._meant(path, use):
            found = self._lost.get(module)
            if found is not None and found.is_gone and module not in self._paths:
                if self._is_missed(module, use):
                    yield Collision(path, module, "", self._remover, MODULE)
            elif found is not None and use.name in found.names:
                yield Collision(path, module, use.name, self._remover)
            elif found is None and use.name in self._names:
                source = self._passed_on(module, use.name)
                if source is not None:
                    yield Collision(path, source, use.name, self._remover)

    def _is_missed(self, module: str, use: Use) -> bool:
        """Return whether a use means a module that is gone, and nothing has its name now."""
        stem = _module_words(module)[-1]
        is_name = use.name in self._lost[module].names
        if not is_name and (use.name or use.module).split(".")[-1] != stem:
            return False
        folder = module.removesuffix("/__init__.py").rpartition("/")[0]
        init = f"{folder}/__init__.py" if folder else ""
        package = parse(self._tree.read(init)) if init in self._paths and use.name else None
        return package is None or stem not in bound_names(package)

    def _meant(self, path: str, use: Use) -> tuple[str, ...]:
        names = (use.name,) if use.name else ()
        return self._modules.find(path, Meant(use.module, names, 0, use.level)).files

    def _passed_on(self, module: str, name: str) -> str | None:
        """Return the module that lost a name which another passed on by ``import *``."""
        waiting = [module]
        for place in waiting[:MOST_PASSED]:
            tree = parse(self._tree.read(place))
            if tree is None or name in bound_names(tree):
                return None
            for node in tree.body:
                if type(node).__name__ != "ImportFrom" or node.names[0].name != "*":  # type: ignore[attr-defined]
                    continue
                use = Use(node.module or "", node.level, "")  # type: ignore[attr-defined]
                for source in self._meant(place, use):
                    if name in self._lost.get(source, _NONE).names and not name.startswith("_"):
                        return source
                    waiting.append(source)
        return None

    def _misfits(self, path: str, call: Called) -> Iterator[Collision]:
        for module in self._meant(path, call.use):
            signatures = self._lost.get(module, _NONE).signatures.get(call.use.name)
            if signatures is None:
                continue
            before, after = signatures
            fits = after.accepts(call.given, call.keywords)
            is_other = not fits or is_moved(before, after, call.given)
            if before.accepts(call.given, call.keywords) and is_other:
                yield Collision(path, module, call.use.name, self._remover, CALL)

    def _lost_methods(self, path: str, name: str) -> Iterator[Collision]:
        text = self._changed[path].of(_OTHER[self._remover])
        for module, owners in self._methods.get(name, ()):
            words = "|".join(sorted({*owners, _module_words(module)[-1]}))
            if module == path or re.search(rf"\b(?:{words})\b".encode(), text):
                yield Collision(path, module, name, self._remover, METHOD)


_NONE = Lost(frozenset(), {}, {})


def source_folders(paths: Collection[str]) -> list[str]:
    """Return the folders that packages may lie in: of every project, and the usual ones in it."""
    folders = {path.rpartition("/")[0] for path in paths if path.endswith(PROJECT_FILES)} | {""}
    inner = [f"{folder}/{usual}".strip("/") for folder in folders for usual in USUAL_ROOTS]
    return [*sorted(inner), *sorted(folders)]
