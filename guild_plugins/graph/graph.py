"""What imports what in one tree.

Edges are found file by file when they are asked for, so a hook that judges one
changed file reads no other. Three kinds are no import statements: a test needs
the ``conftest.py`` files above it, a module the ``__init__.py`` of each package
it lies in, a link what it points to.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias

from guild_plugins.git.trees import LINK, Tree
from guild_plugins.graph.facts import NOTHING, Facts
from guild_plugins.graph.imports import FileImports, Import, Problem
from guild_plugins.graph.modules import Found, Modules
from guild_plugins.scopes.kinds import is_test_file

EdgeKind: TypeAlias = Literal["import", "conftest", "package", "link", "data", "declared"]


class Edge(NamedTuple):
    """One file needs another."""

    target: str
    kind: EdgeKind
    line: int = 0
    """Where it says so; 0 where no line does."""
    statement: Import | None = None


class ImportGraph:
    """The imports of one tree.

    :param roots: Where packages lie (see `roots`).
    :param facts: What is known of blobs, of this tree and others.
    """

    def __init__(self, tree: Tree, roots: Sequence[str], facts: Facts | None = None) -> None:
        self.tree = tree
        self.modules = Modules(tree.entries, roots)
        self._facts = facts if facts is not None else Facts()
        self._edges: dict[str, tuple[Edge, ...]] = {}
        self._resolved: dict[str, tuple[tuple[Import, Found], ...]] = {}

    @cached_property
    def files(self) -> tuple[str, ...]:
        """All Python files, links among them, sorted."""
        return tuple(sorted(path for path in self.tree.entries if path.endswith(".py")))

    def load(self, paths: Iterable[str] | None = None) -> None:
        """Read the imports of many files at once; of all, where none are named."""
        entries = self.tree.entries
        wanted = (entries[path] for path in (self.files if paths is None else paths))
        self._facts.read(self.tree, [entry.oid for entry in wanted if entry.is_file])

    def imports_of(self, path: str) -> FileImports:
        """Return what a file imports; nothing for what cannot be read, which is a problem."""
        entry = self.tree.entries.get(path)
        if entry is None or not entry.is_file or not path.endswith(".py"):
            return NOTHING
        found = self._facts.read(self.tree, (entry.oid,)).get(entry.oid)
        if found is None:
            return FileImports((), (Problem(1, "is not in this clone, or changed just now"),))
        return found

    def edges_of(self, path: str) -> tuple[Edge, ...]:
        """Return what a file needs of this tree: its imports in order, then the rest."""
        if path not in self._edges:
            self._edges[path] = tuple(self._find_edges(path))
        return self._edges[path]

    def imports(self, path: str) -> list[Edge]:
        """Return the files that a file names in import statements."""
        return [edge for edge in self.edges_of(path) if edge.kind == "import"]

    def resolved(self, path: str) -> tuple[tuple[Import, Found], ...]:
        """Return what each import of a file means."""
        if path not in self._resolved:
            imports = self.imports_of(path).imports
            self._resolved[path] = tuple((i, self.modules.find(path, i)) for i in imports)
        return self._resolved[path]

    def _find_edges(self, path: str) -> list[Edge]:
        edges = [
            Edge(target, "import", statement.line, statement)
            for statement, found in self.resolved(path)
            for target in found.files
        ]
        if not path.endswith(".py"):
            return edges
        edges += [Edge(init, "package") for init in self.modules.inits_above(path)]
        name = path.rpartition("/")[2]
        if is_test_file(name) or name == "conftest.py":
            edges += [Edge(place, "conftest") for place in self.modules.conftests_above(path)]
        target = self._link(path)
        return [*edges, Edge(target, "link")] if target else edges

    def _link(self, path: str) -> str | None:
        """Return the file that a link points to."""
        entry = self.tree.entries.get(path)
        if entry is None or entry.mode != LINK:
            return None
        for _, content in self.tree.read((entry.oid,)):
            place = posixpath.join(posixpath.dirname(path), os.fsdecode(content))
            target = posixpath.normpath(place)
            return target if target in self.tree.entries else None
        return None
