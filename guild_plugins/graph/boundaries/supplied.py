"""Which names a module's ``__getattr__`` supplies, where that can be read from it. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

GETATTR = "__getattr__"


def supplied_names(body: Iterable[ast.stmt]) -> frozenset[str] | None:
    """Return the names that ``__getattr__`` at the top of a module supplies.

    ``None`` where they cannot be told. They can where the name that was asked for is
    only compared with literals, or used where it is one of them, in an error or in a
    warning, and every other name ends in an error.
    """
    found: set[str] = set()
    for node in body:
        if isinstance(node, ast.FunctionDef) and node.name == GETATTR:
            names = _compared(node)
            if names is None:
                return None
            found |= names
        elif _binds(node):
            return None
    return frozenset(found)


def _binds(node: ast.stmt) -> bool:
    """Say whether a statement may make another ``__getattr__``."""
    return any(
        (isinstance(inner, ast.Name) and inner.id == GETATTR)
        or (isinstance(inner, ast.alias) and GETATTR in (inner.asname, inner.name))
        or (isinstance(inner, ast.FunctionDef) and inner.name == GETATTR)
        for inner in _outside_classes(node)
    )


def _outside_classes(node: ast.AST) -> Iterator[ast.AST]:
    if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        yield node
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef) and child.name == GETATTR:
                yield child
            yield from _outside_classes(child)


def _compared(function: ast.FunctionDef) -> set[str] | None:
    if len(function.args.args) != 1 or not isinstance(function.body[-1], ast.Raise):
        return None
    asked = function.args.args[0].arg
    found: set[str] = set()
    harmless: set[int] = set()
    for node in ast.walk(function):
        names = _literals(node, asked) if isinstance(node, ast.Compare) else None
        if names is not None:
            found |= names
            harmless |= {id(inner) for inner in ast.walk(node)}
        elif isinstance(node, ast.Raise) or _is_warning(node):
            harmless |= {id(inner) for inner in ast.walk(node)}
        elif isinstance(node, ast.If) and _literals(node.test, asked) is not None:
            harmless |= {id(inner) for each in node.body for inner in ast.walk(each)}
    used = (n for n in ast.walk(function) if isinstance(n, ast.Name) and n.id == asked)
    return found if all(id(node) in harmless for node in used) else None


def _literals(node: ast.expr, asked: str) -> set[str] | None:
    """Return what the name that was asked for is compared with: ``name == "a"``, ``in {...}``."""
    match node:
        case ast.Compare(left=ast.Name(id=name), ops=[ast.Eq()], comparators=[ast.Constant(text)]):
            return {str(text)} if name == asked else None
        case ast.Compare(
            left=ast.Name(id=name),
            ops=[ast.In()],
            comparators=[ast.Tuple(elts=items) | ast.List(elts=items) | ast.Set(elts=items)],
        ):
            texts = {str(item.value) for item in items if isinstance(item, ast.Constant)}
            return texts if name == asked and len(texts) == len(items) else None
        case _:
            return None


def _is_warning(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="warn") | ast.Attribute(attr="warn")):
            return True
        case _:
            return False
