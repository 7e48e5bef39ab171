"""All that a file needs of a tree, as one word: equal where nothing that it needs differs.

Pure, given the graph. The rules are those of `impact`, read forwards: whatever
change of a tree `impact` says to affect a file changes the file's word. A need that
is no file (a barrier, the data of a scope, the configuration of a folder, a scope
that is depended on as declared) is a node of its own beside the files.

Files that need one another in a circle have one word, made of their contents and of
the words that the circle needs. So all words of a tree cost one walk over its edges.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatch
from hashlib import sha256
from typing import NamedTuple

from guild_plugins.git.trees import EMPTY, Entry
from guild_plugins.graph.boundaries.rulebook import RuleBook
from guild_plugins.graph.graph import ImportGraph
from guild_plugins.graph.impact import CONFIGURATION, PYTEST_DEFAULT
from guild_plugins.scopes.globs import parse_glob
from guild_plugins.scopes.model import ScopeId

BARRIERS = "\0barriers"
DATA, CONFIG, CODE = "\0data ", "\0config ", "\0code "
"""The beginnings of nodes that are no files: of a scope, of a folder, of a scope."""

LENGTH = 32
"""Hexadecimal digits of a word: 128 bits of SHA-256."""


class Node(NamedTuple):
    """What a word is made of: what a node is by itself, and what it needs."""

    content: str
    needs: tuple[str, ...]


class Closures:
    """The needs of the files of one tree, with the words that they make."""

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self.nodes = nodes
        self._groups = _circles(nodes)
        self._group_of = {name: n for n, group in enumerate(self._groups) for name in group}
        self._words: list[str] = []
        self._reached: list[int] = []
        for number, group in enumerate(self._groups):  # those that are needed come first
            below = {self._group_of[need] for name in group for need in nodes[name].needs}
            below.discard(number)
            own = sorted(f"{name}\0{nodes[name].content}" for name in group)
            words = sorted(self._words[n] for n in below)
            self._words.append(word_of("\n".join([*own, "", *words])))
            reached = 1 << number
            for n in below:
                reached |= self._reached[n]
            self._reached.append(reached)

    def word(self, path: str) -> str:
        """Return the word of a file; empty where there is none."""
        number = self._group_of.get(path)
        return "" if number is None else self._words[number]

    def words(self) -> dict[str, str]:
        """Return the words of all nodes."""
        return {name: self._words[number] for name, number in self._group_of.items()}

    def reaches(self, path: str, target: str) -> bool:
        """Say whether a file needs another, directly or through others."""
        start, end = self._group_of.get(path), self._group_of.get(target)
        return start is not None and end is not None and bool(self._reached[start] >> end & 1)

    def with_needs(self, more: Iterable[tuple[str, str]]) -> Closures:
        """Return the closures of the same nodes with further needs, as seen in a run."""
        nodes = dict(self.nodes)
        for path, target in more:
            if path in nodes and target in nodes:
                nodes[path] = Node(nodes[path].content, (*nodes[path].needs, target))
        return Closures(nodes)


def word_of(text: str) -> str:
    """Return a word for a text."""
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:LENGTH]


def closures_of(
    graph: ImportGraph,
    book: RuleBook,
    patterns: Sequence[str] = PYTEST_DEFAULT,
    plugins: Sequence[str] = (),
) -> Closures:
    """Return the closures of a tree's Python files.

    :param patterns: What test files are called.
    :param plugins: The files of pytest plugins that the project installs.
    """
    return Closures(_Needs(graph, book, patterns, plugins).nodes())


class _Needs:
    """Finds the nodes of one tree."""

    def __init__(
        self, graph: ImportGraph, book: RuleBook, patterns: Sequence[str], plugins: Sequence[str]
    ) -> None:
        self._graph, self._book = graph, book
        self._entries = graph.tree.entries
        self._patterns = patterns
        self._plugins = tuple(path for path in plugins if path in self._entries)
        self._owned: dict[ScopeId, list[str]] = {}
        for path in graph.files:
            self._owned.setdefault(book.owner_of(path), []).append(path)

    def nodes(self) -> dict[str, Node]:
        """Return all nodes, the files first."""
        nodes = {path: self._file(path) for path in self._graph.files}
        nodes[BARRIERS] = Node(self._listing(filter(self._book.is_barrier, self._entries)), ())
        nodes.update(self._data())
        nodes.update(self._code())
        nodes.update(self._configuration())
        return {  # what is needed and is no Python file has no needs of its own
            **nodes,
            **{
                need: Node(self._listing([need]), ())
                for node in nodes.values()
                for need in node.needs
                if need not in nodes
            },
        }

    def _file(self, path: str) -> Node:
        entry = self._entries[path]
        owner = self._book.owner_of(path)
        needs = [edge.target for edge in self._graph.edges_of(path)]
        needs += [BARRIERS, CONFIG + path.rpartition("/")[0]]
        if entry.oid not in EMPTY:  # what is empty reads nothing
            needs.append(DATA + owner)
            needs += [CODE + scope for scope in self._declared.get(owner, ())]
        if self._is_test(path):
            needs += self._plugins
        return Node(_said(entry), tuple(dict.fromkeys(need for need in needs if need != path)))

    def _is_test(self, path: str) -> bool:
        name = path.rpartition("/")[2]
        return any(fnmatch(name, pattern) for pattern in self._patterns)

    def _data(self) -> Iterator[tuple[str, Node]]:
        """Yield a node for the files that the code of each scope may read."""
        by_scope: dict[ScopeId, list[str]] = {owner: [] for owner in self._owned}
        for path in self._entries:
            is_data = not path.endswith(".py") and path.rpartition("/")[2] not in CONFIGURATION
            if is_data and not self._book.is_barrier(path):
                by_scope.setdefault(self._book.owner_of(path), []).append(path)
        for scope in self._book.scopes:
            globs = [parse_glob(pattern) for pattern in scope.data]
            if globs:
                named = [p for p in self._entries if any(glob.matches(p) for glob in globs)]
                by_scope.setdefault(scope.id, []).extend(named)
        for owner, paths in by_scope.items():
            yield DATA + owner, Node(self._listing(paths), ())

    def _code(self) -> Iterator[tuple[str, Node]]:
        """Yield a node for each scope that another depends on without importing it."""
        for owner in {owner for owners in self._declared.values() for owner in owners}:
            code = (p for p in self._owned.get(owner, ()) if not self._is_test(p))
            yield CODE + owner, Node("", tuple(p for p in code if not p.endswith("conftest.py")))

    @property
    def _declared(self) -> Mapping[ScopeId, Sequence[ScopeId]]:
        if self._known is None:
            self._known = {
                scope.id: [owner for owner in scope.needs if not self._imports(scope.id, owner)]
                for scope in self._book.scopes
            }
        return self._known

    _known: dict[ScopeId, list[ScopeId]] | None = None

    def _imports(self, user: ScopeId, owner: ScopeId) -> bool:
        return any(
            self._book.owner_of(edge.target) == owner
            for path in self._owned.get(user, ())
            if self._entries[path].oid not in EMPTY
            for edge in self._graph.edges_of(path)
        )

    def _configuration(self) -> Iterator[tuple[str, Node]]:
        """Yield a node for each folder with Python files: its configuration, and that above."""
        by_folder: dict[str, list[str]] = {}
        for path in self._entries:
            folder, _, name = path.rpartition("/")
            if name in CONFIGURATION and not self._book.is_barrier(path):
                by_folder.setdefault(folder, []).append(path)
        below = {path.rpartition("/")[0] for path in self._graph.files}
        for folder in {above for inner in below for above in _upwards(inner)}:
            needs = (CONFIG + folder.rpartition("/")[0],) if folder else ()
            yield CONFIG + folder, Node(self._listing(by_folder.get(folder, ())), needs)

    def _listing(self, paths: Iterable[str]) -> str:
        entries = self._entries
        known = sorted(set(paths) & entries.keys())
        return word_of("\n".join(f"{path}\0{_said(entries[path])}" for path in known))


def _said(entry: Entry) -> str:
    return f"{entry.mode:o} {entry.oid}"


def _upwards(folder: str) -> Iterator[str]:
    yield folder
    while folder:
        folder = folder.rpartition("/")[0]
        yield folder


def _circles(nodes: Mapping[str, Node]) -> list[list[str]]:
    """Return the nodes that need one another, group by group; what is needed comes first.

    Tarjan's algorithm, with a stack of its own: chains of imports are long.
    """
    found: list[list[str]] = []
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    open_: list[str] = []
    is_open: set[str] = set()
    for root in nodes:
        if root in index:
            continue
        index[root] = low[root] = len(index)
        open_.append(root)
        is_open.add(root)
        work = [(root, iter(nodes[root].needs))]
        while work:
            name, needs = work[-1]
            for need in needs:
                if need not in index:
                    index[need] = low[need] = len(index)
                    open_.append(need)
                    is_open.add(need)
                    work.append((need, iter(nodes[need].needs)))
                    break
                if need in is_open:
                    low[name] = min(low[name], index[need])
            else:
                work.pop()
                if work:
                    above = work[-1][0]
                    low[above] = min(low[above], low[name])
                if low[name] == index[name]:
                    group = [open_.pop()]
                    while group[-1] != name:
                        group.append(open_.pop())
                    is_open.difference_update(group)
                    found.append(group)
    return found
