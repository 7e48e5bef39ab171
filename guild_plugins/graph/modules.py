"""Which file an import means. Pure, given the paths of a tree.

A name is looked for as Python would with the project's own folders on its path:
the source roots, the importing file's own base (the first folder above it that
is no package, where a script or pytest puts it), and the bases of the
``conftest.py`` files above it, which pytest has put there before it. A test
file's own come first, as in pytest's prepend mode; for other files the source
roots do.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from guild_plugins.graph.imports import Import
from guild_plugins.scopes.kinds import is_test_file

INIT = "__init__.py"


class Paths(Protocol):
    """The paths of a tree."""

    def __contains__(self, path: object, /) -> bool:
        """Say whether there is such a file."""


class Found(NamedTuple):
    """What one import means: files of the tree, and dotted names that are no files in it."""

    files: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    """What no file was found for: third-party, generated, misspelt, or not in this tree."""
    leaves: bool = False
    """It is relative, and leads out of the tree."""


class Modules:
    """The modules of one tree.

    :param paths: Its files.
    :param roots: The folders that packages lie in, the first to be searched first;
        ``""`` is the top.
    """

    def __init__(self, paths: Paths, roots: Sequence[str]) -> None:
        self._paths = paths
        self._roots = tuple(roots)
        self._bases: dict[str, str] = {}
        self._searched: dict[tuple[str, bool], tuple[str, ...]] = {}
        self._known: dict[tuple[str, str], str | None] = {}

    def find(self, importer: str, found: Import) -> Found:
        """Return what an import in a file means, the file itself left out."""
        bases = self._searched_for(importer, found)
        if not bases:
            return Found((), (), leaves=True)
        names = [name for name in found.names if name != "*"]
        wanted = [f"{found.module}.{n}".strip(".") for n in names] or [found.module]
        files: dict[str, None] = {}
        unknown = []
        for name in wanted:
            meant = self._first(bases, name, found.module if names else name)
            if not meant:
                unknown.append(name)
            files.update(dict.fromkeys(file for file in meant if file != importer))
        return Found(tuple(files), tuple(unknown))

    def unfound(self, importer: str, found: Import) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield the dotted names in an import that are no modules, with the paths looked at.

        A name taken from a module may be anything in it, and is yielded as well.
        """
        bases = self._searched_for(importer, found)
        names = [found.module, *(f"{found.module}.{name}" for name in found.names if name != "*")]
        for name in (name.strip(".") for name in names):
            if name and not any(self._locate(base, name) for base in bases):
                yield name, tuple(p for base in bases for p in _places(base, name))

    def bases(self, path: str) -> tuple[str, ...]:
        """Return the folders that a file's absolute imports are looked for in, in order."""
        folder, _, name = path.rpartition("/")
        is_test = is_test_file(name) or name == "conftest.py"
        found = self._searched.get((folder, is_test))
        if found is None:
            own = [self.base_of(folder)]
            own += [self.base_of(f) for f in parents(folder) if self._has(f, "conftest.py")]
            order = [*own, *self._roots] if is_test else [*self._roots, *own]
            found = self._searched[folder, is_test] = tuple(dict.fromkeys(order))
        return found

    def base_of(self, folder: str) -> str:
        """Return the first folder, from here upwards, that is no package."""
        if folder not in self._bases:
            is_base = not folder or not self._has(folder, INIT)
            above = folder if is_base else self.base_of(folder.rpartition("/")[0])
            self._bases[folder] = above
        return self._bases[folder]

    def inits_above(self, path: str) -> Iterator[str]:
        """Yield the ``__init__.py`` of each package that a file lies in, the nearest first."""
        folder = path.rpartition("/")[0]
        if path.endswith(f"/{INIT}"):
            folder = folder.rpartition("/")[0]
        while folder and self._has(folder, INIT):
            yield f"{folder}/{INIT}"
            folder = folder.rpartition("/")[0]

    def conftests_above(self, path: str) -> Iterator[str]:
        """Yield each ``conftest.py`` that pytest loads for a file, the nearest first."""
        for folder in parents(path.rpartition("/")[0]):
            place = _join(folder, "conftest.py")
            if place != path and place in self._paths:
                yield place

    def _searched_for(self, importer: str, found: Import) -> tuple[str, ...]:
        """Return the folders that an import is looked for in; none where it leaves the tree."""
        if found.level:
            base = self._above(importer, found.level)
            return () if base is None else (base,)
        if found.module.partition(".")[0] in sys.stdlib_module_names:
            # What is called like one of the standard library lies beside its user, or is that.
            return (self.base_of(importer.rpartition("/")[0]),)
        return self.bases(importer)

    def _first(self, bases: Sequence[str], name: str, module: str) -> list[str]:
        """Return the file of a name, or of the module it is taken from, where either is first.

        A file that stands before it with the beginning of its name is named too:
        what Python makes of both depends on what that file does.
        """
        top = module.partition(".")[0]
        before: list[str] = []
        for base in bases:
            file = self._locate(base, name)
            if file is None and module != name:
                file = self._locate(base, module)
            if file is not None:
                return [*before, file]
            if top != module and (shadow := self._locate(base, top)):
                before.append(shadow)
        # The rest of the name may be made by the module that its beginning names.
        while "." in module:
            module = module.rpartition(".")[0]
            for base in bases:
                if file := self._locate(base, module):
                    return [file]
        return []

    def _locate(self, base: str, name: str) -> str | None:
        key = (base, name)
        if key not in self._known:
            places = _places(base, name)
            self._known[key] = next((path for path in places if path in self._paths), None)
        return self._known[key]

    def _has(self, folder: str, name: str) -> bool:
        return _join(folder, name) in self._paths

    def _above(self, importer: str, level: int) -> str | None:
        parts = importer.split("/")[:-1]
        if level - 1 > len(parts):
            return None
        return "/".join(parts[: len(parts) - level + 1])


def parents(folder: str) -> Iterator[str]:
    """Yield a folder and all above it, the top (``""``) last."""
    yield folder
    while folder:
        folder = folder.rpartition("/")[0]
        yield folder


def _places(base: str, name: str) -> list[str]:
    """Return the paths that a dotted name may have below a folder; a package goes first."""
    place = _join(base, name.replace(".", "/"))
    return ([f"{place}/{INIT}"] if place else []) + ([f"{place}.py"] if name else [])


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder and name else folder or name
