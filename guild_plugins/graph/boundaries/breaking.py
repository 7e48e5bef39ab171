"""Who breaks when a public surface changes: importers of what is gone, calls that no longer fit.

Only scopes that declare ``public`` have a surface that is looked after. Content
is compared by parsing it; a call is judged where its arguments can be counted.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from guild_plugins.git.changes import Change
from guild_plugins.git.trees import Tree, read_path
from guild_plugins.graph.boundaries.direct import is_public_file
from guild_plugins.graph.boundaries.rulebook import RuleBook
from guild_plugins.graph.boundaries.surface import Signature, is_open, read_surface
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
        broken = _broken(graph.tree, change.before.oid, after)
        if broken:
            yield from _importers(book, graph, change.path, broken)


def _broken(tree: Tree, oid: str, after: ast.Module) -> Broken:
    """Return what a module no longer offers as it did; nothing where that cannot be told."""
    before = next((parse(content) for _, content in tree.read((oid,))), None)
    if not isinstance(before, ast.Module):
        return {}
    was, now = read_surface(before), read_surface(after)
    if is_open(now):
        return {}
    broken: dict[str, tuple[Signature, Signature] | None] = {}
    for name, signature in was.items():
        if name not in now:
            broken[name] = None
        else:
            offered = now[name]
            if signature is not None and offered is not None and signature != offered:
                broken[name] = (signature, offered)
    return broken


def _importers(
    book: RuleBook, graph: ImportGraph, target: str, broken: Broken
) -> Iterator[Violation]:
    graph.load()
    module = target.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    for path in graph.files:
        statements = [e.statement for e in graph.imports(path) if e.target == target]
        if not statements or path == target:
            continue
        content = read_path(graph.tree, path)
        tree = parse(content) if content is not None else None
        if not isinstance(tree, ast.Module):
            continue
        scope = book.scope(book.owner_of(path))
        wanted = {name for s in statements if s for name in s.names}
        for line, name, problem in _breaks(tree, module, wanted, broken):
            yield Violation(
                "breaking",
                path,
                line,
                f"{problem} in {target}",
                scope.id,
                f"{target}:{name}",
                "Change both together, or keep what was offered until its last user is gone.",
                (Step(path, line), Step(target, 0)),
                scope.owners,
            )


def _breaks(
    tree: ast.Module, module: str, wanted: set[str], broken: Broken
) -> Iterator[tuple[int, str, str]]:
    """Yield line, name and what is wrong, for each broken name that a file uses."""
    functions: dict[str, str] = {}
    modules: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(names=aliases, module=source):
                for alias in aliases:
                    called = alias.asname or alias.name
                    if module.endswith(f"{source or ''}.{alias.name}".strip(".")):
                        modules.add(called)
                    elif alias.name in broken and alias.name in wanted and _is_from(module, source):
                        functions[called] = alias.name
                        if broken[alias.name] is None:
                            yield node.lineno, alias.name, f"{alias.name} is no longer offered"
            case ast.Import(names=aliases):
                for alias in aliases:
                    if module.endswith(alias.name):
                        modules.add(alias.asname or alias.name)
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=called)) if called in functions:
                name = functions[called]
            case ast.Call(func=ast.Attribute(attr=name, value=value)) if _text(value) in modules:
                pass
            case ast.Attribute(attr=name, value=value, lineno=line) if _text(value) in modules:
                if name in broken and broken[name] is None:
                    yield line, name, f"{name} is no longer offered"
                continue
            case _:
                continue
        signatures = broken.get(name)
        if signatures is not None and _no_longer_fits(node, *signatures):
            yield node.lineno, name, f"this call no longer fits the parameters of {name}"


def _is_from(module: str, source: str | None) -> bool:
    """Say whether a ``from`` statement may speak of a module, relative ones included."""
    return not source or module.endswith(source) or source.endswith(module)


def _no_longer_fits(call: ast.Call, before: Signature, after: Signature) -> bool:
    names = [keyword.arg for keyword in call.keywords]
    if None in names or any(isinstance(arg, ast.Starred) for arg in call.args):
        return False
    given = frozenset(name for name in names if name is not None)
    return before.accepts(len(call.args), given) and not after.accepts(len(call.args), given)


def _text(node: ast.expr) -> str:
    """Return a dotted name; nothing for any other expression."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            inner = _text(value)
            return f"{inner}.{name}" if inner else ""
        case _:
            return ""
