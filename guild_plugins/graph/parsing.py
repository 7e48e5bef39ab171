"""The imports of a file by Python's own parser: exact, and slow.

Pure: bytes in, facts out; nothing is imported or run, and a file that cannot
be parsed gives a problem instead of an exception. `scanning` answers for most
files in a tenth of the time.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Sequence

from guild_plugins.graph.imports import (
    BY_CALL,
    DYNAMIC,
    IN_FUNCTION,
    IN_TRY,
    UNDER_TYPE_CHECKING,
    FileImports,
    Import,
    Problem,
    is_module_name,
)

_OWN_PACKAGE = frozenset({"__package__", "__name__"})


def parse_imports(source: bytes) -> FileImports:
    """Return what a file imports, in order."""
    tree = parse(source)
    if isinstance(tree, Problem):
        return FileImports((), (tree,))
    found: list[Import] = []
    # A stack of our own: deep nesting must not end in a recursion error.
    waiting: list[tuple[ast.AST, int]] = [(tree, 0)]
    while waiting:
        node, place = waiting.pop()
        found += _imports(node, place)
        waiting.extend(reversed(_children(node, place)))
    return FileImports(tuple(found))


def parse(source: bytes) -> ast.Module | Problem:
    """Return a file's syntax tree, or why there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except SyntaxError as error:
        return Problem(error.lineno or 1, f"cannot be parsed: {error.msg}")
    except (ValueError, LookupError, RecursionError, MemoryError) as error:
        return Problem(1, f"cannot be parsed: {error}")


def _imports(node: ast.AST, place: int) -> Iterator[Import]:
    match node:
        case ast.Import():
            for alias in node.names:
                yield Import(alias.name, (), node.lineno, 0, place)
        case ast.ImportFrom():
            names = tuple(alias.name for alias in node.names)
            yield Import(node.module or "", names, node.lineno, node.level, place)
        case ast.Call():
            yield from _called(node)
        case ast.Assign(targets=[ast.Name(id="pytest_plugins")], value=value):
            yield from _plugins(value)
        case ast.AnnAssign(target=ast.Name(id="pytest_plugins"), value=ast.expr() as value):
            yield from _plugins(value)


def _children(node: ast.AST, place: int) -> Sequence[tuple[ast.AST, int]]:
    """Return what stands in a node, each with its place."""
    match node:
        case ast.If() if _is_type_checking(node.test):
            guarded = place | UNDER_TYPE_CHECKING
            return [(n, guarded) for n in node.body] + [(n, place) for n in node.orelse]
        case ast.Try() | ast.TryStar():
            tried = place | IN_TRY
            rest = [*node.handlers, *node.orelse, *node.finalbody]
            return [(n, tried) for n in node.body] + [(n, place) for n in rest]
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            inside = place | IN_FUNCTION
            outside = [*node.decorator_list, node.args]
            return [(n, place) for n in outside] + [(n, inside) for n in node.body]
        case ast.Import() | ast.ImportFrom() | ast.Constant() | ast.Name():
            return []
        case _:
            return [(child, place) for child in ast.iter_child_nodes(node)]


def _is_type_checking(test: ast.expr) -> bool:
    match test:
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return True
        case _:
            return False


def _called(node: ast.Call) -> Iterator[Import]:
    """Yield the module that a call imports by a literal name."""
    match node.func:
        case ast.Name(id=function) | ast.Attribute(attr=function):
            pass
        case _:
            return
    if function not in DYNAMIC or not node.args:
        return
    match node.args[0]:
        case ast.Constant(value=str(name)) if is_module_name(name.lstrip(".")):
            pass
        case _:
            return
    bare = name.lstrip(".")
    level = len(name) - len(bare)
    match [*node.args[1:2], *(k.value for k in node.keywords if k.arg == "package")]:
        case [ast.Constant(value=str(package))] if level and function == "import_module":
            parts = package.split(".")
            if level <= len(parts):
                absolute = ".".join([*parts[: len(parts) - level + 1], bare])
                yield Import(absolute, (), node.lineno, 0, BY_CALL)
        case [ast.Name(id=own)] if level and own in _OWN_PACKAGE:
            yield Import(bare, (), node.lineno, level, BY_CALL)
        case _ if not level:
            yield Import(name, (), node.lineno, 0, BY_CALL)


def _plugins(value: ast.expr) -> Iterator[Import]:
    """Yield the modules that pytest loads as plugins for a conftest or a test module."""
    items = value.elts if isinstance(value, ast.List | ast.Tuple | ast.Set) else [value]
    for item in items:
        match item:
            case ast.Constant(value=str(name)) if is_module_name(name):
                yield Import(name, (), item.lineno, 0, BY_CALL)
