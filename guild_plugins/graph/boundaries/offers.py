"""Whether a module offers a name: of its own, as a submodule, or by ``import *`` from others.

Where that cannot be told (a ``__getattr__``, a star from outside of the tree, a file
that cannot be read), it is taken to.
"""

from __future__ import annotations

import ast

from guild_plugins.git.trees import read_path
from guild_plugins.graph.boundaries.supplied import GETATTR, supplied_names
from guild_plugins.graph.boundaries.surface import Surface, read_surface
from guild_plugins.graph.graph import ImportGraph
from guild_plugins.graph.modules import INIT
from guild_plugins.graph.parsing import parse


class Offers:
    """What the modules of one tree offer; each is parsed once."""

    def __init__(self, graph: ImportGraph) -> None:
        self._graph = graph
        self._surfaces: dict[str, Surface | None] = {}
        self._supplied: dict[str, frozenset[str]] = {}

    def has(self, path: str, name: str) -> bool:
        """Say whether a module may offer a name."""
        seen: set[str] = set()
        waiting = [path]
        while waiting:
            module = waiting.pop()
            if module in seen:
                continue
            seen.add(module)
            if self._has_itself(module, name):
                return True
            for statement, found in self._graph.resolved(module):
                if "*" in statement.names:
                    if any(self._graph.modules.unfound(module, statement)):
                        return True
                    waiting += found.files
        return False

    def _has_itself(self, path: str, name: str) -> bool:
        surface = self._surface(path)
        if surface is None or name in surface or name in self._supplied.get(path, ()):
            return True
        folder, slash, file = path.rpartition("/")
        places = (f"{folder}{slash}{name}.py", f"{folder}{slash}{name}/{INIT}")
        return file == INIT and any(place in self._graph.tree.entries for place in places)

    def _surface(self, path: str) -> Surface | None:
        if path not in self._surfaces:
            content = read_path(self._graph.tree, path)
            tree = parse(content) if content is not None else None
            self._surfaces[path] = self._read(path, tree) if isinstance(tree, ast.Module) else None
        return self._surfaces[path]

    def _read(self, path: str, tree: ast.Module) -> Surface | None:
        """Read a module; ``None`` where its ``__getattr__`` may supply any name."""
        surface = read_surface(tree)
        if GETATTR in surface:
            supplied = supplied_names(tree.body)
            if supplied is None:
                return None
            self._supplied[path] = supplied
        return surface
