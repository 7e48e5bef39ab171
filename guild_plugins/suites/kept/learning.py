"""From a process's notes to what each test file needed. Pure.

A note says that a source (a file of the repository) read something. A test file needs what
the sources read that it needs itself: by the import graph, or by the notes on imports.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from guild_plugins.graph.closures import Closures
from guild_plugins.graph.graph import ImportGraph
from guild_plugins.suites.kept.records import InputKind
from guild_plugins.suites.kept.tracking import ANY

Wanted = tuple[InputKind, str]


class Lesson(NamedTuple):
    """What one test file needed in one process, and why it cannot be kept, if it cannot."""

    inputs: frozenset[Wanted]
    escapes: tuple[str, ...]


class Lessons:
    """What the notes of one process teach.

    :param observed: The notes, as `tracking` sent them.
    :param closures: Of the tree that the process ran.
    :param reflective: Files that may take any module that is loaded: they mention
        ``sys.modules``, or call ``__import__`` with a name that is made.
    :param is_test: Says whether a file is a test module; no other reaches for those.
    """

    def __init__(
        self,
        observed: Mapping[str, Any],
        graph: ImportGraph,
        closures: Closures,
        reflective: Collection[str],
        is_test: Callable[[str], bool],
    ) -> None:
        self._plain = closures
        self._reflective = reflective
        self._ended: Mapping[str, int] = observed["ended"]
        self.trouble: str = observed["trouble"]
        loaded = [(str(name), str(path)) for name, path in observed["loaded"]]
        self._loaded = {path for _, path in loaded if not is_test(path)}
        self._inputs: dict[str, set[Wanted]] = {}
        self._escapes: list[tuple[int, str, str]] = []
        needs: set[tuple[str, str]] = set()
        places: dict[str, set[str]] = {}
        for name, path in loaded:
            places.setdefault(name, set()).add(path)
        for number, (source, kind, what) in enumerate(observed["notes"]):
            origin = source if source in closures.nodes else ANY
            if kind == "escape":
                self._escapes.append((number, origin, what))
            elif kind == "code":
                if origin != ANY and not closures.reaches(origin, what):
                    needs.add((origin, what))
            elif kind != "module":
                self._inputs.setdefault(origin, set()).add((kind, what))
            elif what in places:
                needs |= {(origin, path) for path in places[what]}
            elif origin != ANY:
                self._inputs.setdefault(origin, set()).add(("name", f"{origin} {what}"))
        needs |= set(_otherwise_found(graph, places, {path for _, path in loaded}))
        self._add(needs)

    def _add(self, needs: Collection[tuple[str, str]]) -> None:
        """Take in which file needs which module; modules outside of the graph are mere files."""
        nodes = self._plain.nodes
        for source, path in needs:
            if source == ANY or path not in nodes:
                kind: InputKind = "closure" if path in nodes else "file"
                self._inputs.setdefault(source, set()).add((kind, path))
        for path in self._loaded:
            if path.startswith("/"):  # a module that no distribution brought, such as a sibling's
                self._inputs.setdefault(ANY, set()).add(("file", path))
        inner = {(s, p) for s, p in needs if s != ANY and p in nodes and s != p}
        self._closures = self._plain.with_needs(inner)
        self._targets = {path for _, path in inner}

    def has(self, path: str) -> bool:
        """Say whether a test file ran in this process."""
        return path in self._ended

    def of(self, path: str) -> Lesson:
        """Return what a test file needed."""
        ended = self._ended[path]
        inputs = set(self._inputs.get(ANY, ()))
        for source, wanted in self._inputs.items():
            if source != ANY and self._closures.reaches(path, source):
                inputs |= wanted
        modules = {target for target in self._targets if self._closures.reaches(path, target)}
        if any(self._closures.reaches(path, file) for file in self._reflective):
            modules |= self._loaded
        for module in modules:
            if module not in self._plain.nodes:
                inputs.add(("file", module))
            elif not self._plain.reaches(path, module):
                inputs.add(("closure", module))
        escapes = {
            what
            for number, source, what in self._escapes
            if source in (ANY, path) or self._closures.reaches(path, source)
            if number < ended
        }
        return Lesson(frozenset(inputs), tuple(sorted(escapes)))


def _otherwise_found(
    graph: ImportGraph, places: Mapping[str, set[str]], loaded: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Yield the files that import statements came to, where the graph says otherwise.

    So it is where a test changes ``sys.path``, or a module of that name was there already.
    """
    for path in loaded:
        if path not in graph.tree.entries:
            continue
        for statement, found in graph.resolved(path):
            if statement.level:
                continue
            names = [statement.module, *(f"{statement.module}.{n}" for n in statement.names)]
            for name in names:
                for place in places.get(name, ()):
                    if place not in found.files:
                        yield path, place
