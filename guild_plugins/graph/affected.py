"""What the work tree's difference from a base can affect: reads both sides for `impact`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from guild_plugins.git.changes import Change, compare
from guild_plugins.git.repository import Repository
from guild_plugins.git.snapshots import merge_base, revision_tree, work_tree
from guild_plugins.git.trees import Tree
from guild_plugins.graph.boundaries.rulebook import RuleBook, kept_rules
from guild_plugins.graph.environment import (
    NOTHING_KNOWN,
    Environment,
    differences,
    from_file,
    observe,
)
from guild_plugins.graph.facts import Facts
from guild_plugins.graph.graph import ImportGraph
from guild_plugins.graph.impact import PYTEST_DEFAULT, Impact, Sides, assess
from guild_plugins.graph.imports import Import, is_module_name
from guild_plugins.graph.roots import shadows
from guild_plugins.graph.store import Store
from guild_plugins.scopes.pytest_files import python_files
from guild_plugins.scopes.tree import SnapshotTree
from guild_plugins.scopes.workspace import dig, read_toml


def find_affected(
    repository: Repository,
    base: str,
    read_rules: Callable[[Tree], RuleBook],
    recorded: Path | None = None,
    foreign: Collection[str] = sys.stdlib_module_names,
) -> tuple[Impact, RuleBook]:
    """Return what the work tree affects by what it changes on a base, and its rules.

    :param base: A revision; what counts is where it and ``HEAD`` parted.
    :param recorded: A file that says what the base was tested in (see `environment`).
    :param read_rules: Reads the rules of a tree that none are kept of.
    :param foreign: Names of modules that are no part of the project.
    :raises UnknownRevision: There is no such base.
    :raises EnvironmentInvalid: The file cannot be read.
    """
    before = revision_tree(repository, merge_base(repository, base, "HEAD"))
    return _assess(repository, before, work_tree(repository), read_rules, recorded, foreign)


def affected_between(
    repository: Repository, before: str, after: str, read_rules: Callable[[Tree], RuleBook]
) -> tuple[Impact, RuleBook]:
    """Return what the difference of two revisions affects, and the rules of the second.

    :raises UnknownRevision: One of them is not there.
    """
    trees = revision_tree(repository, before), revision_tree(repository, after)
    return _assess(repository, *trees, read_rules)


def _assess(
    repository: Repository,
    before: Tree,
    after: Tree,
    read_rules: Callable[[Tree], RuleBook],
    recorded: Path | None = None,
    foreign: Collection[str] = sys.stdlib_module_names,
) -> tuple[Impact, RuleBook]:
    folder = repository.common_dir / "guild"
    store = Store(folder)
    facts = Facts(store, repository.top)
    book = kept_rules(folder, after, read_rules)
    old_book = kept_rules(folder, before, read_rules)
    graphs = ImportGraph(before, old_book.roots, facts), ImportGraph(after, book.roots, facts)
    for graph in graphs:
        graph.load()
    store.close()
    changes = compare(before.entries, after.entries)
    sides = Sides(
        changes,
        *graphs,
        book,
        tuple(python_files(SnapshotTree(after))) or PYTEST_DEFAULT,
        tuple(plugins_of(after, graphs[1])),
        _differing(repository, book, recorded),
        frozenset(_shadows(changes, before, old_book, foreign))
        | frozenset(_shadows(changes, after, book, foreign)),
    )
    return assess(sides), book


def environment_now(repository: Repository, read_rules: Callable[[Tree], RuleBook]) -> Environment:
    """Return what tests are run in now, by this Python."""
    folder = repository.common_dir / "guild"
    return _environment(repository, kept_rules(folder, work_tree(repository), read_rules))


def _environment(repository: Repository, book: RuleBook) -> Environment:
    return observe(repository.top, book.rules.variables, os.environ, sys.path)


def _differing(repository: Repository, book: RuleBook, recorded: Path | None) -> tuple[str, ...]:
    if recorded is None:
        return ()
    before = from_file(recorded)
    return (
        (NOTHING_KNOWN,) if before is None else differences(before, _environment(repository, book))
    )


def _shadows(
    changes: Sequence[Change], tree: Tree, book: RuleBook, foreign: Collection[str]
) -> Iterator[str]:
    """Yield changed files of a tree that others' code may find instead of what it means.

    Installed modules are often those of the tree itself: of these only what comes or goes counts.
    """
    found = set(shadows(tree.entries, book.roots, foreign))
    own = set(shadows(tree.entries, book.roots, sys.stdlib_module_names))
    for change in changes:
        comes_or_goes = change.before is None or change.after is None
        if change.path in own or (comes_or_goes and change.path in found):
            yield change.path


def plugins_of(tree: Tree, graph: ImportGraph) -> Iterator[str]:
    """Yield the files of pytest plugins that projects of the tree install."""
    reader = SnapshotTree(tree)
    for path in [p for p in tree.entries if p.rpartition("/")[2] == "pyproject.toml"]:
        points = dig(read_toml(reader, path), "project", "entry-points", "pytest11")
        for target in points.values() if isinstance(points, dict) else ():
            module = str(target).partition(":")[0].strip()
            if is_module_name(module):
                yield from graph.modules.find(path, Import(module, (), 0)).files
