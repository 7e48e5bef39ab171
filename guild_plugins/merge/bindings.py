"""What names mean in which part of a Python module: a parameter of one function hides nothing
in another.

A name that a part binds by imports alone means what is imported; one that it binds
otherwise as well is not known; one that it does not bind is looked up around it, as
Python does. The bodies of classes are no part of what their methods see.
"""

from __future__ import annotations

from _ast import (
    AST,
    AsyncFunctionDef,
    ClassDef,
    ExceptHandler,
    FunctionDef,
    Global,
    Import,
    ImportFrom,
    Lambda,
    Load,
    Module,
    Name,
    Nonlocal,
    arg,
)
from collections.abc import Iterator
from typing import NamedTuple


class Use(NamedTuple):
    """A name of a module, as a file takes it: ``from module import name`` or ``module.name``.

    The name is empty where the module itself is imported.
    """

    module: str
    level: int
    name: str


class Scope:
    """A module, a class or a function, and what its names mean."""

    __slots__ = ("around", "bound", "is_class", "modules", "names")

    def __init__(self, around: Scope | None = None, *, is_class: bool = False) -> None:
        self.around, self.is_class = around, is_class
        self.bound: set[str] = set()
        self.modules: dict[str, tuple[str, int]] = {}
        self.names: dict[str, Use] = {}

    def module(self, dotted: str) -> tuple[str, int] | None:
        """Return the module that a dotted name means here, and the level of its import."""
        first = dotted.partition(".")[0]
        for scope in self._seen():
            if first in scope.bound:
                return None
            if dotted in scope.modules:
                return scope.modules[dotted]
        return None

    def name(self, name: str) -> Use | None:
        """Return what was imported under a name; ``None`` where it is something else."""
        for scope in self._seen():
            if name in scope.bound:
                return None
            if name in scope.names:
                return scope.names[name]
        return None

    def _seen(self) -> Iterator[Scope]:
        yield self
        around = self.around
        while around is not None:
            if not around.is_class:
                yield around
            around = around.around

    def take(self, node: AST) -> None:
        """Note what a node binds here."""
        if isinstance(node, ImportFrom):
            for each in node.names:
                inner = f"{node.module}.{each.name}" if node.module else each.name
                self.modules[each.asname or each.name] = (inner, node.level)
                self.names[each.asname or each.name] = Use(node.module or "", node.level, each.name)
        elif isinstance(node, Import):
            for each in node.names:
                self.modules[each.asname or each.name] = (each.name, 0)
        elif isinstance(node, Name) and not isinstance(node.ctx, Load):
            self.bound.add(node.id)
        elif isinstance(node, arg):
            self.bound.add(node.arg)
        elif isinstance(node, FunctionDef | AsyncFunctionDef | ClassDef | ExceptHandler):
            self.bound.add(node.name or "")


def scopes_of(tree: Module) -> list[tuple[AST, Scope]]:
    """Return every node with the scope in which it is read, and bindings noted."""
    top = Scope()
    found: list[tuple[AST, Scope]] = [(tree, top)]
    for node, scope in found:
        if isinstance(node, Global | Nonlocal):
            top.bound.update(node.names)
            scope.bound.update(node.names)
            continue
        scope.take(node)
        inner = _inner(node, scope)
        for field in node._fields:
            where = inner if field in ("args", "body") else scope
            value = getattr(node, field, None)
            if isinstance(value, AST):
                found.append((value, where))
            elif isinstance(value, list):
                found += [(item, where) for item in value if isinstance(item, AST)]
    return found


def _inner(node: AST, scope: Scope) -> Scope:
    """Return the scope of a node's body."""
    if isinstance(node, ClassDef):
        return Scope(scope, is_class=True)
    return Scope(scope) if isinstance(node, FunctionDef | AsyncFunctionDef | Lambda) else scope
