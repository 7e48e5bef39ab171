"""What a change can affect: from changed files along everything that needs them.

Pure, given the graphs before and after. An edge counts if either tree has it, so
what was deleted, renamed or newly shadowed reaches its former and its new users.
Beside imports (see `graph`) these lead on:

- a barrier affects everything;
- a project's or pytest's own file (``pyproject.toml``, ``pytest.ini``) affects the
  Python files below its folder;
- any other file that is no Python affects the Python files of the scope that owns
  it, and of scopes that name it in ``data``;
- a scope that declares ``depends_on`` without importing anything of the other is
  affected as a whole;
- a module with the name of one of Python's library affects everything, where it may
  be found in its place;
- a pytest plugin that the project installs affects all tests;
- so does an environment that differs from the one that the base was tested in.

Empty files read nothing, and are affected by no data.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import NamedTuple

from guild_plugins.git.changes import Change
from guild_plugins.git.trees import EMPTY
from guild_plugins.graph.boundaries.rulebook import RuleBook
from guild_plugins.graph.graph import ImportGraph
from guild_plugins.scopes.globs import parse_glob
from guild_plugins.scopes.kinds import PROJECT_FILES
from guild_plugins.scopes.model import ScopeId
from guild_plugins.scopes.pytest_files import OWN_FILES, SECTIONS

CONFIGURATION = frozenset({*PROJECT_FILES, *OWN_FILES, *SECTIONS, "guild.toml"})
"""Files that rule what lies below their folder."""

ENVIRONMENT = "the environment"
"""What stands for a path where none is the cause."""

PYTEST_DEFAULT = ("test_*.py", "*_test.py")


class Link(NamedTuple):
    """One step of an explanation: a file is affected by ``cause``, since ``why``."""

    path: str
    cause: str
    why: str
    line: int = 0


@dataclass(frozen=True)
class Impact:
    """What a change affects: each file with the step that leads towards the change."""

    changed: tuple[str, ...]
    links: Mapping[str, Link]
    """Affected Python files; of those changed themselves there is no link."""
    tests: tuple[str, ...]
    """The affected test files, sorted."""
    scopes: tuple[ScopeId, ...]
    """The scopes with something affected, sorted."""
    environment: tuple[str, ...] = ()
    """How the environment differs, in words."""

    def chain(self, path: str) -> tuple[Link, ...]:
        """Return the steps from an affected file to a changed one; none for a changed file."""
        steps = []
        while path in self.links:
            steps.append(self.links[path])
            path = self.links[path].cause
        return tuple(steps)


@dataclass(frozen=True)
class Sides:
    """A change with the graphs of both its sides."""

    changes: Sequence[Change]
    before: ImportGraph
    after: ImportGraph
    book: RuleBook
    """The rules after the change."""
    patterns: tuple[str, ...] = PYTEST_DEFAULT
    """What test files are called."""
    plugins: tuple[str, ...] = ()
    """The files of pytest plugins that the project installs."""
    environment: tuple[str, ...] = ()
    """How the environment differs from the one before, in words."""
    shadows: frozenset[str] = frozenset()
    """Files that may be found instead of modules of Python's library, before or after."""
    _sources: dict[ScopeId, list[str]] = field(default_factory=dict, repr=False)

    def is_test(self, path: str) -> bool:
        """Say whether a file is a test module."""
        name = path.rpartition("/")[2]
        return path.endswith(".py") and any(fnmatch(name, pattern) for pattern in self.patterns)

    def readers(self, scope: ScopeId) -> list[str]:
        """Return a scope's Python files that are not empty."""
        if not self._sources:
            entries = self.after.tree.entries
            for path in self.after.files:
                if entries[path].oid not in EMPTY:
                    self._sources.setdefault(self.book.owner_of(path), []).append(path)
            self._sources.setdefault("", [])
        return self._sources.get(scope, [])


def assess(sides: Sides) -> Impact:
    """Return what a change affects, each file by its shortest explanation."""
    changed = tuple(sorted(change.path for change in sides.changes))
    needed_by = _needed_by(sides)
    links: dict[str, Link] = {}
    seen = set(changed)
    waiting = deque(changed)
    spread: set[ScopeId] = set()
    while waiting:
        path = waiting.popleft()
        reached = [*needed_by.get(path, ()), *_beyond(sides, path, path in changed, spread)]
        for link in reached:
            if link.path not in seen:
                seen.add(link.path)
                links[link.path] = link
                waiting.append(link.path)
    if sides.environment:
        for link in _everywhere(sides):
            if link.path not in seen:
                seen.add(link.path)
                links[link.path] = link
    there = sides.after.tree.entries
    tests = tuple(sorted(path for path in seen if path in there and sides.is_test(path)))
    scopes = tuple(sorted({sides.book.owner_of(path) for path in seen}))
    return Impact(changed, links, tests, scopes, sides.environment)


def _everywhere(sides: Sides) -> Iterator[Link]:
    """Yield what an environment that differs affects: every test."""
    why = sides.environment[0]
    return (Link(path, ENVIRONMENT, why) for path in sides.after.files if sides.is_test(path))


def _needed_by(sides: Sides) -> dict[str, list[Link]]:
    """Return, for each file, the files that need it before or after."""
    needed_by: dict[str, list[Link]] = {}
    for graph, paths in ((sides.after, sides.after.files), (sides.before, _older(sides))):
        for path in paths:
            for edge in graph.edges_of(path):
                why = "imports" if edge.kind == "import" else edge.kind
                link = Link(path, edge.target, why, edge.line)
                needed_by.setdefault(edge.target, []).append(link)
    return needed_by


def _older(sides: Sides) -> Iterable[str]:
    """Return the files whose edges before may not be those after.

    While no module comes or goes, and no folder becomes or stops being a
    package, that is only the files that changed.
    """
    python = [change for change in sides.changes if change.path.endswith(".py")]
    if any(change.before is None or change.after is None for change in python):
        return sides.before.files
    if any(change.path.rpartition("/")[2] in CONFIGURATION for change in sides.changes):
        return sides.before.files
    return [change.path for change in python]


def _beyond(sides: Sides, path: str, is_changed: bool, spread: set[ScopeId]) -> Iterator[Link]:
    """Yield what a file affects without being imported.

    :param spread: The scopes whose declared users were reached already.
    """
    owner = sides.book.owner_of(path)
    if is_changed and sides.book.is_barrier(path):
        yield from (Link(p, path, "a barrier") for p in sides.after.files)
    elif is_changed and path.rpartition("/")[2] in CONFIGURATION:
        folder = path.rpartition("/")[0]
        below = f"{folder}/" if folder else ""
        yield from (
            Link(p, path, "configured by") for p in sides.after.files if p.startswith(below)
        )
    elif is_changed and not path.endswith(".py"):
        yield from (Link(p, path, "data of its scope") for p in sides.readers(owner))
    if is_changed:
        for scope in sides.book.scopes:
            if any(parse_glob(pattern).matches(path) for pattern in scope.data):
                yield from (Link(p, path, "named as data") for p in sides.readers(scope.id))
    if is_changed and path in sides.shadows:
        yield from (
            Link(p, path, "found instead of Python's own module") for p in sides.after.files
        )
    if path in sides.plugins:
        tests = (p for p in sides.after.files if sides.is_test(p))
        yield from (Link(p, path, "a pytest plugin of the project") for p in tests)
    is_code = not sides.is_test(path) and not path.endswith("conftest.py")
    if is_code and owner not in spread:
        spread.add(owner)
        for user in _declared_users(sides, owner):
            why = f"{user} depends on {owner} as declared"
            yield from (Link(p, path, why) for p in sides.readers(user))


def _declared_users(sides: Sides, owner: ScopeId) -> list[ScopeId]:
    """Return the scopes that declare to depend on one, and import nothing of it."""
    declared = [scope.id for scope in sides.book.scopes if owner in scope.needs]
    return [user for user in declared if not _imports_any(sides, user, owner)]


def _imports_any(sides: Sides, user: ScopeId, owner: ScopeId) -> bool:
    return any(
        sides.book.owner_of(edge.target) == owner
        for path in sides.readers(user)
        for edge in sides.after.edges_of(path)
    )
