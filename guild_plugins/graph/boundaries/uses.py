"""How one file uses another: the names that it takes, its calls, and what it passes on.

Which file an import means is `modules`' word, so that ``import random`` beside a
``random.py`` of the project is not taken for the other.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from guild_plugins.graph.boundaries.surface import names_in, statements
from guild_plugins.graph.graph import ImportGraph
from guild_plugins.graph.imports import Import


class Use(NamedTuple):
    """One place where a file names what a module offers, or calls it."""

    name: str
    line: int
    call: ast.Call | None = None


class Taken(NamedTuple):
    """What an import statement makes of a module in a file."""

    names: Mapping[str, str]
    """Names taken from it, by what they are called here; ``*`` for all."""
    modules: frozenset[str]
    """Dotted names that stand for the module itself."""


def uses_of(graph: ImportGraph, path: str, tree: ast.Module, target: str) -> Iterator[Use]:
    """Yield each place where a file uses a module.

    An import that may fail without harm is none, nor is a name that the file also
    gives to something else.
    """
    optional = {s.line for s in graph.imports_of(path).imports if s.is_optional}
    taken: dict[str, str] = {}
    modules: set[str] = set()
    rebound = _bound(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found = taken_by(graph, path, node, target)
            taken.update(found.names)
            modules |= found.modules
            rebound |= _bound_by(node) - found.names.keys() - {_first(m) for m in found.modules}
            if node.lineno not in optional:
                yield from (Use(name, node.lineno) for name in found.names.values())
    ours = {called: name for called, name in taken.items() if called not in rebound}
    yield from _used(tree, ours, {text for text in modules if _first(text) not in rebound})


def taken_by(
    graph: ImportGraph, path: str, node: ast.Import | ast.ImportFrom, target: str
) -> Taken:
    """Return what an import statement takes of a module, or calls it."""

    def means(module: str, *names: str, level: int = 0) -> bool:
        return target in graph.modules.find(path, Import(module, names, 0, level)).files

    if isinstance(node, ast.Import):
        return Taken({}, frozenset(_called(node, means)))
    module, level = node.module or "", node.level
    is_from = means(module, level=level)
    names, modules = {}, set()
    for alias in node.names:
        called = alias.asname or alias.name
        if alias.name == "*":
            names.update({"*": "*"} if is_from else {})
        elif means(module, alias.name, level=level):
            # Either a name in the module, or the module itself, taken from its package.
            if is_from:
                names[called] = alias.name
            else:
                modules.add(called)
    return Taken(names, frozenset(modules))


def passed_on(
    graph: ImportGraph, path: str, tree: ast.Module, target: str
) -> Iterator[tuple[str, str, int]]:
    """Yield the names of a module that a file offers as its own: there, here, and the line.

    For a star both are ``*``. Names that the file gives to something else are none.
    """
    rebound = _bound(tree)
    for node in statements(tree.body):
        if isinstance(node, ast.ImportFrom):
            for called, name in taken_by(graph, path, node, target).names.items():
                if called not in rebound:
                    yield name, called, node.lineno


def exported(tree: ast.Module) -> frozenset[str] | None:
    """Return what ``import *`` takes, where ``__all__`` is one list of literals."""
    found = None
    for node in statements(tree.body):
        if "__all__" not in _targets(node):
            continue
        match node:
            case ast.Assign(value=ast.List(elts=items) | ast.Tuple(elts=items)) if found is None:
                names = [i.value for i in items if isinstance(i, ast.Constant)]
                found = frozenset(str(name) for name in names)
                if len(names) != len(items):
                    return None
            case _:
                return None
    return found


def _called(node: ast.Import, is_meant: Callable[[str], bool]) -> Iterator[str]:
    """Yield what a plain import calls a module: ``import a.b`` gives ``a`` and ``a.b``."""
    for alias in node.names:
        if alias.asname:
            if is_meant(alias.name):
                yield alias.asname
            continue
        parts = alias.name.split(".")
        prefixes = (".".join(parts[: n + 1]) for n in range(len(parts)))
        yield from (prefix for prefix in prefixes if is_meant(prefix))


def _used(tree: ast.Module, taken: Mapping[str, str], modules: set[str]) -> Iterator[Use]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=called)) if called in taken:
                yield Use(taken[called], node.lineno, node)
            case ast.Call(func=ast.Attribute(attr=name, value=value)) if _text(value) in modules:
                yield Use(name, node.lineno, node)
            case ast.Attribute(attr=name, value=value) if _text(value) in modules:
                yield Use(name, node.lineno)


def _bound(tree: ast.Module) -> set[str]:
    """Return the names that a file gives to anything but imports."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.add(name)
            case ast.ClassDef(name=name):
                found.add(name)
    return found


def _bound_by(node: ast.Import | ast.ImportFrom) -> set[str]:
    """Return the names that an import gives to something."""
    is_from = isinstance(node, ast.ImportFrom)
    return {a.asname or (a.name if is_from else _first(a.name)) for a in node.names}


def _first(text: str) -> str:
    return text.partition(".")[0]


def _targets(node: ast.stmt) -> set[str]:
    match node:
        case ast.Assign(targets=targets):
            return {name for target in targets for name in names_in(target)}
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            return set(names_in(target))
        case ast.Expr(value=value):  # __all__.extend(...)
            return set(names_in(value))
        case _:
            return set()


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
