"""Who breaks when a public surface changes: importers of what is gone, calls that no longer fit.

Only scopes that declare ``public`` have a surface that is looked after. Content
is compared by parsing it; a call is judged where its arguments can be counted.
Names are followed through the modules that pass them on, as an ``__init__.py`` does.
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from guild_plugins.git.changes import Change
from guild_plugins.git.trees import read_path
from guild_plugins.graph.boundaries.direct import is_public_file
from guild_plugins.graph.boundaries.offers import Offers
from guild_plugins.graph.boundaries.rulebook import RuleBook
from guild_plugins.graph.boundaries.surface import Signature, is_moved, read_surface
from guild_plugins.graph.boundaries.uses import Use, exported, passed_on, uses_of
from guild_plugins.graph.boundaries.violations import Step, Violation
from guild_plugins.graph.graph import ImportGraph
from guild_plugins.graph.parsing import parse

Broken = Mapping[str, tuple[Signature, Signature] | None]
"""Each name that changed: its signatures before and after; ``None`` where it is gone."""


def judge_surface(
    book: RuleBook, graph: ImportGraph, change: Change, after: ast.Module
) -> Iterator[Violation]:
    """Yield each importer that a changed module breaks, if it is public.

    :param graph: Its tree is asked for what the module held before, too.
    :param after: What it holds now. (One that is gone is missing, which is another rule.)
    """
    public = book.scope(book.owner_of(change.path)).public
    if public is None or change.before is None or not change.before.is_file:
        return
    if is_public_file(public, change.path):
        before = next((parse(c) for _, c in graph.tree.read((change.before.oid,))), None)
        if isinstance(before, ast.Module):
            offers = Offers(graph)
            broken = _broken(before, after, partial(offers.has, change.path))
            if broken:
                source = Source(change.path, broken, exported(before))
                yield from _follow(book, graph, offers, source)


def _broken(before: ast.Module, after: ast.Module, is_offered: Callable[[str], bool]) -> Broken:
    """Return what a module no longer offers as it did."""
    was, now = read_surface(before), read_surface(after)
    broken: dict[str, tuple[Signature, Signature] | None] = {}
    for name, signature in was.items():
        offered = now.get(name)
        if name not in now:
            if name != "*" and not is_offered(name):
                broken[name] = None
        elif signature is not None and offered is not None and signature != offered:
            broken[name] = (signature, offered)
    return broken


class Source(NamedTuple):
    """A module from which broken names are taken: the one that changed, or one that passes on."""

    path: str
    broken: Broken
    exported: frozenset[str] | None
    """What a star takes, where it says so."""
    way: tuple[Step, ...] = ()
    """From there to the module that changed."""


def _follow(
    book: RuleBook, graph: ImportGraph, offers: Offers, first: Source
) -> Iterator[Violation]:
    """Yield who breaks: who imports the module, or one that passes its names on."""
    graph.load()
    importers: dict[str, list[str]] = {}
    for path in graph.files:
        for target in {edge.target for edge in graph.imports(path)}:
            importers.setdefault(target, []).append(path)
    waiting, seen = deque([first]), {(first.path, name) for name in first.broken}
    while waiting:
        source = waiting.popleft()
        for path in importers.get(source.path, ()):
            tree = _mentioning(graph, path, source.broken)
            if tree is None:
                continue
            yield from _judge_uses(book, graph, path, tree, source, first.path)
            further = _passing(graph, offers, path, tree, source)
            broken = {n: b for n, b in further.broken.items() if (path, n) not in seen}
            seen |= {(path, name) for name in broken}
            if broken:
                waiting.append(further._replace(broken=broken))


def _mentioning(graph: ImportGraph, path: str, names: Iterable[str]) -> ast.Module | None:
    """Return a file's syntax, if it can have to do with some names."""
    content = read_path(graph.tree, path) or b""
    has_star = any("*" in statement.names for statement in graph.imports_of(path).imports)
    if not has_star and not any(name.encode() in content for name in names):
        return None
    parsed = parse(content)
    return parsed if isinstance(parsed, ast.Module) else None


def _judge_uses(
    book: RuleBook, graph: ImportGraph, path: str, tree: ast.Module, source: Source, target: str
) -> Iterator[Violation]:
    scope = book.scope(book.owner_of(path))
    for use in uses_of(graph, path, tree, source.path):
        problem = _problem(use, source.broken)
        if problem:
            yield Violation(
                "breaking",
                path,
                use.line,
                f"{problem} in {target}",
                scope.id,
                f"{target}:{use.name}",
                "Change both together, or keep what was offered until its last user is gone.",
                (Step(path, use.line), *source.way, Step(target, 0)),
                scope.owners,
            )


def _problem(use: Use, broken: Broken) -> str | None:
    """Say what is wrong with the use of a name, if anything is."""
    if use.name not in broken:
        return None
    signatures = broken[use.name]
    if signatures is None:
        return f"{use.name} is no longer offered" if use.call is None else None
    if use.call is not None and no_longer_fits(use.call, *signatures):
        return f"this call no longer fits the parameters of {use.name}"
    return None


def _passing(
    graph: ImportGraph, offers: Offers, path: str, tree: ast.Module, source: Source
) -> Source:
    """Return the names that a file passes on and that are broken there as well.

    Who imports a name that is gone fails itself; by a star it goes unnoticed.
    """
    broken: dict[str, tuple[Signature, Signature] | None] = {}
    passed = list(passed_on(graph, path, tree, source.path))
    for name, called, _ in passed:
        if name == "*":
            broken |= {n: b for n, b in source.broken.items() if _is_exported(n, source.exported)}
        elif source.broken.get(name) is not None:
            broken[called] = source.broken[name]
    own = read_surface(tree)
    kept = {
        name: signatures
        for name, signatures in broken.items()
        if (signatures is not None and own.get(name) is None) or not offers.has(path, name)
    }
    lines = [line for _, _, line in passed]
    return Source(path, kept, exported(tree), (Step(path, min(lines, default=0)), *source.way))


def _is_exported(name: str, exported: frozenset[str] | None) -> bool:
    return not name.startswith("_") if exported is None else name in exported


def no_longer_fits(call: ast.Call, before: Signature, after: Signature) -> bool:
    """Say whether a call fitted a function, and does not, or means something else now."""
    names = [keyword.arg for keyword in call.keywords]
    if None in names or any(isinstance(arg, ast.Starred) for arg in call.args):
        return False
    given, count = frozenset(name for name in names if name is not None), len(call.args)
    if not before.accepts(count, given):
        return False
    return not after.accepts(count, given) or is_moved(before, after, count)
