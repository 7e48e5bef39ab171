"""Imports of what is not part of the tree: forgotten when staging, or deleted.

A tool that looks at the work tree sees an untracked file as any other; the
commit will not have it. What git ignores is taken to be made by a build.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator

from guild_plugins.git.changes import Change
from guild_plugins.graph.boundaries.offers import Offers
from guild_plugins.graph.boundaries.rulebook import RuleBook
from guild_plugins.graph.boundaries.violations import Step, Violation
from guild_plugins.graph.graph import ImportGraph

ASIDE = "is not part of this tree, but lies in the work tree"
GONE = "is deleted"


def judge_forgotten(
    book: RuleBook,
    graph: ImportGraph,
    paths: Iterable[str],
    top: str,
    ignored: Callable[[Collection[str]], Collection[str]],
) -> Iterator[Violation]:
    """Yield imports of files that lie in the work tree, and not in the tree.

    :param top: The work tree's directory.
    :param ignored: Returns those of some paths that git ignores.
    """
    found: list[tuple[str, int, str]] = []
    for path in paths:
        for statement, _ in graph.resolved(path):
            for _, places in graph.modules.unfound(path, statement):
                lying = (p for p in places if os.path.isfile(f"{top}/{p}"))  # noqa: PTH113
                found += [(path, statement.line, place) for place in lying]
    made = set(ignored({place for _, _, place in found}))
    for path, line, place in found:
        if place not in made:
            yield _missing(book, path, line, place, ASIDE, "Add it to what is committed.")


def judge_deleted(
    book: RuleBook, graph: ImportGraph, changes: Iterable[Change]
) -> Iterator[Violation]:
    """Yield imports of modules that a change deletes, and that nothing takes the place of."""
    gone = {c.path for c in changes if c.after is None and c.path.endswith(".py")}
    if not gone:
        return
    graph.load()
    offers = Offers(graph)
    for path in graph.files:
        for statement, meaning in graph.resolved(path):
            if statement.is_optional:
                continue
            for name, places in graph.modules.unfound(path, statement):
                place = next((place for place in places if place in gone), None)
                own = name.rpartition(".")[2]
                if place and not any(offers.has(file, own) for file in meaning.files):
                    remedy = "Import what takes its place, or keep it."
                    yield _missing(book, path, statement.line, place, GONE, remedy)


def _missing(book: RuleBook, path: str, line: int, place: str, why: str, remedy: str) -> Violation:
    scope = book.scope(book.owner_of(path))
    chain = (Step(path, line), Step(place, 0))
    message = f"imports {place}, which {why}"
    return Violation("missing", path, line, message, scope.id, place, remedy, chain, scope.owners)
