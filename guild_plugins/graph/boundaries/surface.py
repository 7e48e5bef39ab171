"""What a module offers, read from its text: names, and how functions are called.

Pure. Only what stands at the top of a module counts, under ``if``, ``try`` and
``with`` as well. What is assigned from elsewhere can be anything, and no claim
is made about it.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple


class Signature(NamedTuple):
    """How a function is called. Parameters without a default are needed."""

    positional: tuple[str, ...] = ()
    """Those that may be given by position, in order."""
    only_positional: int = 0
    """How many of those may not be given by name."""
    defaults: int = 0
    """How many of the last of those have a default."""
    keywords: tuple[str, ...] = ()
    """Those given by name alone."""
    needed_keywords: tuple[str, ...] = ()
    takes_any_positional: bool = False
    takes_any_keyword: bool = False

    def accepts(self, count: int, names: frozenset[str]) -> bool:
        """Say whether a call with so many positional arguments and these names fits."""
        if count > len(self.positional) and not self.takes_any_positional:
            return False
        by_name = set(self.positional[self.only_positional :])
        if not self.takes_any_keyword and not names <= by_name | set(self.keywords):
            return False
        if names & set(self.positional[:count]) & by_name:
            return False
        needed = self.positional[count : len(self.positional) - self.defaults]
        return set(needed) <= names & by_name and set(self.needed_keywords) <= names


TRANSPARENT: Final = frozenset(
    {
        "abc.abstractmethod",
        "atexit.register",
        "contextlib.asynccontextmanager",
        "contextlib.contextmanager",
        "enum.unique",
        "functools.cache",
        "functools.lru_cache",
        "functools.total_ordering",
        "types.coroutine",
        *(
            f"{module}.{name}"
            for module in ("typing", "typing_extensions")
            for name in ("final", "no_type_check", "override", "runtime_checkable")
        ),
    }
)
"""Decorators of the standard library under which calls need the same arguments as before."""

MAKERS: Final = frozenset(
    {
        "functools.lru_cache",
        "functools.wraps",
        "typing_extensions.deprecated",
        "warnings.deprecated",
    }
)
"""Those that are called to make such a decorator."""

Surface = Mapping[str, Signature | None]
"""Each name that a module offers, with its signature where it is a plain function or class."""


def is_moved(before: Signature, after: Signature, count: int) -> bool:
    """Say whether the first so many arguments go to other parameters, of which one is still there.

    A parameter that is only renamed takes the same argument as before.
    """
    pairs = zip(before.positional[:count], after.positional, strict=False)
    return any(old != new and old in after.positional for old, new in pairs)


def read_surface(tree: ast.Module) -> Surface:
    """Return the names that a module offers; a class is called as its ``__init__`` is."""
    surface: dict[str, Signature | None] = {}
    known = _imported(tree)
    for node in statements(tree.body):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                is_plain = node.name not in surface and all(
                    _leaves_calls(decorator, known) for decorator in node.decorator_list
                )
                surface[node.name] = _signature(node.args) if is_plain else None
            case ast.ClassDef():
                surface[node.name] = (
                    _construction(node, known) if node.name not in surface else None
                )
            case ast.Import() | ast.ImportFrom():
                for alias in node.names:
                    surface[alias.asname or alias.name.partition(".")[0]] = None
            case ast.Assign(targets=targets):
                surface.update(dict.fromkeys(n for t in targets for n in names_in(t)))
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.AugAssign(target=ast.Name(id=name)):
                surface[name] = None
            case _ if type(node).__name__ == "TypeAlias":  # from Python 3.12 on
                surface.update(dict.fromkeys(names_in(node.name)))  # type: ignore[attr-defined]
    return surface


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that run when the module is imported."""
    for node in body:
        match node:
            case ast.If() | ast.For() | ast.While():
                yield from statements([*node.body, *node.orelse])
            case ast.With():
                yield from statements(node.body)
            case ast.Try() | ast.TryStar():
                handled = [stmt for handler in node.handlers for stmt in handler.body]
                yield from statements([*node.body, *handled, *node.orelse, *node.finalbody])
            case _:
                yield node


def names_in(target: ast.expr) -> Iterator[str]:
    """Yield the plain names in an expression, such as the target of an assignment."""
    for node in ast.walk(target):
        if isinstance(node, ast.Name):
            yield node.id


def _imported(tree: ast.Module) -> Mapping[str, str]:
    """Return the names that stand for modules and what is in them; none that is bound again."""
    known: dict[str, str] = {}
    bound: Counter[str] = Counter()
    for node in statements(tree.body):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    name = alias.asname or alias.name.partition(".")[0]
                    known[name] = alias.name if alias.asname else name
                    bound[name] += 1
            case ast.ImportFrom(module=str(module), names=names, level=0):
                for alias in names:
                    known[alias.asname or alias.name] = f"{module}.{alias.name}"
                    bound[alias.asname or alias.name] += 1
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                bound[name] += 1
            case ast.ClassDef(name=name):
                bound[name] += 1
            case ast.Assign(targets=targets):
                bound.update(name for target in targets for name in names_in(target))
            case _:
                continue
    return {name: meant for name, meant in known.items() if bound[name] == 1}


def _leaves_calls(decorator: ast.expr, known: Mapping[str, str]) -> bool:
    """Say whether what is decorated is called as it was, for all that is known of a decorator."""
    is_called = isinstance(decorator, ast.Call)
    named = decorator.func if isinstance(decorator, ast.Call) else decorator
    match named:
        case ast.Name(id=name):
            meant = known.get(name, name)
        case ast.Attribute(value=ast.Name(id=module), attr=name) if module in known:
            meant = f"{known[module]}.{name}"
        case _:
            return False
    return meant in MAKERS if is_called else meant in TRANSPARENT


def _construction(node: ast.ClassDef, known: Mapping[str, str]) -> Signature | None:
    """Return how a class is called, if it says so itself and nothing can change that."""
    if node.keywords or not all(_leaves_calls(each, known) for each in node.decorator_list):
        return None
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            return _signature(item.args, skipped=1) if not item.decorator_list else None
    return None


def _signature(args: ast.arguments, skipped: int = 0) -> Signature | None:
    positional = [arg.arg for arg in (*args.posonlyargs, *args.args)]
    if len(positional) < skipped:
        return None
    pairs = list(zip(args.kwonlyargs, args.kw_defaults, strict=True))
    return Signature(
        tuple(positional[skipped:]),
        max(0, len(args.posonlyargs) - skipped),
        len(args.defaults),
        tuple(arg.arg for arg, _ in pairs),
        tuple(arg.arg for arg, default in pairs if default is None),
        args.vararg is not None,
        args.kwarg is not None,
    )
