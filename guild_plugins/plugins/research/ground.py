"""What the research of all scopes stands on: one tree, its imports, its history.

Read once in a process, and kept for the scopes that come after.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from guild_plugins.git.repository import open_repository
from guild_plugins.git.snapshots import revision_tree
from guild_plugins.git.trees import Tree
from guild_plugins.graph.boundaries.reading import read_rules
from guild_plugins.graph.boundaries.rulebook import RuleBook, kept_rules
from guild_plugins.graph.facts import Facts
from guild_plugins.graph.graph import ImportGraph
from guild_plugins.graph.store import Store
from guild_plugins.plugins.research.history import Touched, read_history
from guild_plugins.scopes.model import ScopeId
from guild_plugins.suites import durations


@dataclass(frozen=True)
class Ground:
    """One commit of one repository.

    :param imports: How many imports lead from one scope to another.
    :param packages: How many imports of each scope lead to packages that are not in the tree.
    :param seconds: What test files took before.
    """

    tree: Tree
    book: RuleBook
    files: Mapping[ScopeId, tuple[str, ...]]
    imports: Mapping[tuple[ScopeId, ScopeId], int]
    packages: Mapping[ScopeId, Mapping[str, int]]
    history: tuple[Touched, ...]
    seconds: Mapping[str, float]


@lru_cache(maxsize=1)
def ground_of(directory: str, base: str) -> Ground:
    """Read a commit."""
    repository = open_repository(Path(directory))
    folder = repository.common_dir / "guild"
    tree = revision_tree(repository, base)
    book = kept_rules(folder, tree, partial(read_rules, repository.top))
    store = Store(folder)
    graph = ImportGraph(tree, book.roots, Facts(store, repository.top))
    graph.load()
    store.close()
    files: dict[ScopeId, list[str]] = {}
    for path, entry in tree.entries.items():
        if entry.is_file:
            files.setdefault(book.owner_of(path), []).append(path)
    imports, packages = _imports(graph, book)
    known = durations.load(folder / "durations.json")
    return Ground(
        tree,
        book,
        {scope: tuple(paths) for scope, paths in files.items()},
        imports,
        packages,
        read_history(repository.top, base),
        known.files,
    )


def _imports(
    graph: ImportGraph, book: RuleBook
) -> tuple[dict[tuple[ScopeId, ScopeId], int], dict[ScopeId, Counter[str]]]:
    imports: Counter[tuple[ScopeId, ScopeId]] = Counter()
    packages: dict[ScopeId, Counter[str]] = {}
    for path in graph.files:
        owner = book.owner_of(path)
        for edge in graph.imports(path):
            target = book.owner_of(edge.target)
            if target != owner:
                imports[owner, target] += 1
        for _, found in graph.resolved(path):
            tops = (name.partition(".")[0] for name in found.unknown)
            packages.setdefault(owner, Counter()).update(tops)
    return dict(imports), packages
