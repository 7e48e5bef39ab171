"""The work tree as it is when a run begins, with the words of its files.

Words of a tree that was seen before are kept, so a run that changes nothing reads no
file and follows no import: three listings of git tell that it is the same tree.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property

from guild_plugins.git.repository import Repository
from guild_plugins.git.snapshots import work_tree
from guild_plugins.git.trees import Entry, Tree
from guild_plugins.graph.affected import plugins_of
from guild_plugins.graph.boundaries.rulebook import RuleBook
from guild_plugins.graph.closures import Closures, closures_of, word_of
from guild_plugins.graph.facts import Facts
from guild_plugins.graph.graph import ImportGraph
from guild_plugins.graph.impact import PYTEST_DEFAULT
from guild_plugins.graph.roots import import_roots, is_project_file
from guild_plugins.graph.store import Store as FactStore
from guild_plugins.scopes.project import Project
from guild_plugins.scopes.pytest_files import python_files
from guild_plugins.scopes.tree import SnapshotTree
from guild_plugins.suites.kept.present import Present
from guild_plugins.suites.kept.store import Store
from guild_plugins.suites.kept.tracking import CACHES


class Snapshot:
    """One work tree at one time.

    :param store: Keeps the words of trees.
    :param environ: The variables that tests are started with.
    :param outputs: Paths that runs of pytest write: they are nobody's input.
    """

    def __init__(
        self,
        repository: Repository,
        project: Project,
        store: Store,
        environ: Mapping[str, str],
        outputs: Collection[str] = (),
    ) -> None:
        self.repository = repository
        self.tree: Tree = Visible(work_tree(repository), outputs)
        self._store = store
        reader = SnapshotTree(self.tree)
        roots = project.rules.source_roots
        if roots is None:
            projects = [path for path in self.tree.entries if is_project_file(path)]
            roots = import_roots(reader, projects)
        self.book = RuleBook(project.scopes, project.rules, tuple(roots), project.barriers)
        self.patterns = tuple(python_files(reader)) or PYTEST_DEFAULT
        self.present = Present(repository.top, self.tree, self._words(), self.book.roots, environ)

    def _words(self) -> Mapping[str, str]:
        rules = json.dumps([self.book.as_data(), self.patterns], sort_keys=True)
        tree = word_of("\n".join([rules, *_lines(self.tree.entries)]))
        words = self._store.words(tree)
        if words is None:
            words = self.closures.words()
            self._store.keep_words(tree, words)
        return words

    def conftests(self, path: str) -> list[str]:
        """Return the ``conftest.py`` files that pytest loads for a file, of whatever name."""
        return list(self.present.modules.conftests_above(path))

    @cached_property
    def graph(self) -> ImportGraph:
        """The imports of the tree, read."""
        facts = FactStore(self.repository.common_dir / "guild")
        graph = ImportGraph(self.tree, self.book.roots, Facts(facts, self.repository.top))
        graph.load()
        facts.close()
        return graph

    @cached_property
    def closures(self) -> Closures:
        """What each file needs."""
        return closures_of(self.graph, self.book, self.patterns, self.plugins)

    @cached_property
    def plugins(self) -> tuple[str, ...]:
        """The files of pytest plugins that the project installs."""
        return tuple(plugins_of(self.tree, self.graph))


class Visible:
    """A tree without what tools leave in it: bytecode, caches, reports of earlier runs."""

    def __init__(self, tree: Tree, outputs: Collection[str]) -> None:
        self._tree = tree
        self.entries = {
            path: entry
            for path, entry in tree.entries.items()
            if not (path in outputs or is_cache(path))
        }

    def read(self, oids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield each blob with its content."""
        return self._tree.read(oids)


def is_cache(path: str) -> bool:
    """Say whether a path is a tool's own business: bytecode, a cache, measured coverage."""
    parts = path.split("/")
    name = parts[-1]
    if name.endswith(".pyc") or name == ".coverage" or name.startswith(".coverage."):
        return True
    return not CACHES.isdisjoint(parts)


def _lines(entries: Mapping[str, Entry]) -> Iterator[str]:
    for path in sorted(entries):
        entry = entries[path]
        yield f"{entry.mode:o} {entry.oid} {path}"
