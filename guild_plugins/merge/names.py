"""What a Python module binds, reads and defines, by its syntax tree.

The nodes of ``_ast`` are walked here without the ``ast`` module, whose import
costs a third of a whole driver run.
"""

from __future__ import annotations

import builtins
import warnings
from _ast import (
    AST,
    AsyncFunctionDef,
    ClassDef,
    Constant,
    ExceptHandler,
    FunctionDef,
    Global,
    Load,
    MatchAs,
    MatchMapping,
    MatchStar,
    Module,
    Name,
    Nonlocal,
    PyCF_ONLY_AST,
    Store,
    alias,
    arg,
)

_KNOWN = frozenset(dir(builtins)) | {"__file__", "__path__", "__class__"}
_DEFINITIONS = (FunctionDef, AsyncFunctionDef, ClassDef)
_BINDING = frozenset(
    (*_DEFINITIONS, alias, arg, Global, Nonlocal, ExceptHandler, MatchAs, MatchStar, MatchMapping)
)
_LEAVES = frozenset((Constant, Load, Store))


def parse(text: bytes) -> Module | None:
    """Return the tree of a module; ``None`` where Python would not read it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = compile(text, "<merge>", "exec", PyCF_ONLY_AST, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return tree if isinstance(tree, Module) else None


def walk(tree: AST) -> list[AST]:
    """Return every node of a tree."""
    nodes: list[AST] = [tree]
    for node in nodes:
        for field in node._fields:
            value = getattr(node, field, None)
            if isinstance(value, AST):
                if value._fields:
                    nodes.append(value)
            elif isinstance(value, list):
                nodes += [item for item in value if isinstance(item, AST)]
    return nodes


def same_code(one: bytes, two: bytes) -> bool:
    """Return whether two modules are the same to Python; a text that is none is not."""
    trees = parse(one), parse(two)
    try:
        return None not in trees and _plain(trees[0]) == _plain(trees[1])
    except RecursionError:
        return False


def _plain(node: object) -> object:
    """Return a node without where it stands."""
    if isinstance(node, AST):
        return type(node), [_plain(getattr(node, field, None)) for field in node._fields]
    if isinstance(node, list):
        return [_plain(item) for item in node]
    return type(node), node


def undefined_names(tree: Module) -> set[str]:
    """Return the names that a module reads and binds nowhere; none after ``import *``."""
    bound: set[str] = set()
    read: set[str] = set()
    nodes: list[object] = [tree]
    for node in nodes:  # as `walk`, in half the time: it is run over most files of a merge
        kind = node.__class__
        if kind is Name:
            (read if node.ctx.__class__ is Load else bound).add(node.id)  # type: ignore[attr-defined]
            continue
        if kind in _LEAVES or not isinstance(node, AST):
            continue
        if kind in _BINDING:
            names = _bound_by(node)
            if names is None:
                return set()
            bound.update(names)
        for field in node._fields:
            value = getattr(node, field, None)
            if value.__class__ is list:
                nodes += value
            elif isinstance(value, AST):
                nodes.append(value)
    return read - bound - _KNOWN


def _bound_by(node: AST) -> list[str] | None:
    """Return the names that a node binds by itself; ``None`` for ``import *``."""
    if isinstance(node, alias):
        return None if node.name == "*" else [(node.asname or node.name).split(".")[0]]
    if isinstance(node, arg):
        return [node.arg]
    if isinstance(node, Global | Nonlocal):
        return node.names
    if isinstance(node, MatchMapping):
        return [node.rest or ""]
    return [getattr(node, "name", None) or ""]


def doubled_definitions(tree: Module) -> set[str]:
    """Return functions and classes that a second one of the name silently replaces."""
    found: set[str] = set()
    scopes: list[Module | ClassDef] = [tree]
    for scope in scopes:
        seen: set[str] = set()
        prefix = f"{scope.name}." if isinstance(scope, ClassDef) else ""
        for node in scope.body:
            if not isinstance(node, _DEFINITIONS):
                continue
            if isinstance(node, ClassDef):
                scopes.append(node)
            if node.decorator_list:
                continue
            if node.name in seen:
                found.add(prefix + node.name)
            seen.add(node.name)
    return found
