"""Rules that speak of chains of imports: forbidden and independent scopes, circles.

Pure, given a graph. A chain is reported where it leaves the scope that it
starts in, once for each import that starts one, by its shortest way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from guild_plugins.graph.boundaries.direct import counts
from guild_plugins.graph.boundaries.rulebook import RuleBook
from guild_plugins.graph.boundaries.violations import Step, Violation
from guild_plugins.graph.graph import ImportGraph
from guild_plugins.scopes.cycles import find_cycle
from guild_plugins.scopes.model import ScopeId

Lines = Mapping[str, Mapping[str, int]]
"""Importing file to imported file to the first line that says so."""


def judge_chains(book: RuleBook, graph: ImportGraph) -> Iterator[Violation]:
    """Yield what chains of imports break, in the whole of a tree."""
    if not book.has_far_rules:
        return
    graph.load()
    lines = {path: _lines(book, graph, path) for path in graph.files}
    for scope in book.scopes:
        for other in scope.forbids:
            yield from _reaching(book, lines, scope.id, other, "forbids")
    for group in book.rules.independent:
        for name in group:
            for other in group:
                if other != name:
                    yield from _reaching(book, lines, name, other, "independent")
    if book.rules.acyclic:
        yield from _circles(book, lines)


def _lines(book: RuleBook, graph: ImportGraph, path: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for edge in graph.imports(path):
        if edge.statement is not None and counts(book, edge.statement):
            found.setdefault(edge.target, edge.line)
    return found


def _reaching(
    book: RuleBook, lines: Lines, name: ScopeId, other: ScopeId, rule: str
) -> Iterator[Violation]:
    """Yield each import with which a scope starts a chain that ends in another."""
    onwards = _ways_to(other, book, lines, avoiding=name)
    scope = book.scope(name)
    for path in sorted(lines):
        if book.owner_of(path) != name:
            continue
        for target, line in lines[path].items():
            if book.owner_of(target) == name or target not in onwards:
                continue
            chain = (Step(path, line), *_follow(target, onwards, lines))
            last = chain[-1].path
            through = "" if len(chain) == 2 else f" through {len(chain) - 2} other files"
            must_not = "forbids" if rule == "forbids" else "shall be independent of"
            yield Violation(
                rule,
                path,
                line,
                f"{name} reaches {other}{through}, which it {must_not}",
                name,
                f"{target} -> {other}",
                f"Break the chain somewhere before {last}.",
                chain,
                scope.owners,
            )


def _ways_to(
    other: ScopeId, book: RuleBook, lines: Lines, avoiding: ScopeId
) -> dict[str, str | None]:
    """Return the next file on the shortest way to a scope, for each file that reaches it."""
    importers: dict[str, list[str]] = {}
    for path, targets in lines.items():
        for target in targets:
            importers.setdefault(target, []).append(path)
    ends = sorted({p for p in (*lines, *importers) if book.owner_of(p) == other})
    onwards: dict[str, str | None] = dict.fromkeys(ends)
    waiting = deque(ends)
    while waiting:
        target = waiting.popleft()
        for path in importers.get(target, ()):
            if path not in onwards and book.owner_of(path) != avoiding:
                onwards[path] = target
                waiting.append(path)
    return onwards


def _follow(path: str, onwards: Mapping[str, str | None], lines: Lines) -> Iterator[Step]:
    current: str | None = path
    while current is not None:
        following = onwards[current]
        yield Step(current, lines[current][following] if following else 0)
        current = following


def _circles(book: RuleBook, lines: Lines) -> Iterator[Violation]:
    """Yield circles of scopes, one after the other, each without its last import's scope pair."""
    pairs = _pairs(book, lines)
    needs: dict[ScopeId, set[ScopeId]] = {}
    for source, target in pairs:
        needs.setdefault(source, set()).add(target)
    while circle := find_cycle(needs):
        steps = [pairs[a, b] for a, b in _around(circle)]
        where = steps[-1]
        scope = book.scope(circle[-1])
        names = " -> ".join((*circle, circle[0]))
        yield Violation(
            "cycle",
            where.path,
            where.line,
            f"scopes import each other in a circle: {names}",
            scope.id,
            names,
            "Move what both sides need into a scope of its own, or pass it in.",
            tuple(steps),
            scope.owners,
        )
        needs[circle[-1]].discard(circle[0])


def _pairs(book: RuleBook, lines: Lines) -> dict[tuple[ScopeId, ScopeId], Step]:
    """Return, for each scope that imports another, the first place that does."""
    known = {scope.id for scope in book.scopes}
    pairs: dict[tuple[ScopeId, ScopeId], Step] = {}
    for path in sorted(lines):
        source = book.owner_of(path)
        for target, line in lines[path].items():
            pair = (source, book.owner_of(target))
            if pair[0] != pair[1] and known.issuperset(pair):
                pairs.setdefault(pair, Step(path, line))
    return pairs


def _around(circle: tuple[str, ...]) -> Iterable[tuple[str, str]]:
    return zip(circle, (*circle[1:], circle[0]), strict=True)
