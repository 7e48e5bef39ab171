"""What one Python file imports, read from its content.

Pure: bytes in, facts out; nothing is imported or run, and a file that cannot
be parsed gives a finding instead of an exception. Whether ``a`` in ``from b
import a`` is a module or a name inside one cannot be told from the file alone:
both parts are kept.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

DYNAMIC = frozenset({"import_module", "__import__", "importorskip"})
"""Functions that import the module which their first argument names."""


@dataclass(frozen=True, slots=True)
class Import:
    """One import: an absolute dotted module, and the name taken from it if one is."""

    module: str
    name: str | None
    line: int
    type_checking: bool = False
    """Under ``if TYPE_CHECKING``: never run."""
    late: bool = False
    """Inside a function: run when that is called."""
    optional: bool = False
    """In the body of a ``try``: may fail without harm."""
    dynamic: bool = False
    """A call with a literal name, such as ``import_module("a.b")``."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a file's imports are not known, or not all of them."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class FileImports:
    """The imports of one file in order, and what stood in the way of reading it."""

    imports: tuple[Import, ...]
    problems: tuple[Problem, ...] = ()

    @property
    def modules(self) -> frozenset[str]:
        """All dotted names that may be modules: ``a.b`` and ``a.b.c`` for ``from a.b import c``."""
        names = {found.module for found in self.imports}
        names |= {f"{i.module}.{i.name}" for i in self.imports if i.name and i.name != "*"}
        return frozenset(names)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a node stands."""

    type_checking: bool = False
    late: bool = False
    optional: bool = False


def read_imports(source: bytes, module: str = "", *, is_package: bool = False) -> FileImports:
    """Return what a file imports.

    :param module: The file's own dotted name; relative imports are resolved with it.
    :param is_package: The file is an ``__init__.py``.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except SyntaxError as error:
        return FileImports((), (Problem(error.lineno or 1, f"cannot be parsed: {error.msg}"),))
    except (ValueError, LookupError, RecursionError, MemoryError) as error:
        return FileImports((), (Problem(1, f"cannot be parsed: {error}"),))
    package = module if is_package else module.rpartition(".")[0]
    found: list[Import] = []
    problems: list[Problem] = []
    # A stack of our own: deep nesting must not end in a recursion error.
    waiting: list[tuple[ast.AST, _Place]] = [(tree, _Place())]
    while waiting:
        node, place = waiting.pop()
        match node:
            case ast.Import():
                found += [_import(alias.name, None, node.lineno, place) for alias in node.names]
            case ast.ImportFrom():
                target = _resolve(node, package)
                if target is None:
                    problems.append(Problem(node.lineno, "imports from above its top package"))
                else:
                    names = [alias.name for alias in node.names]
                    found += [_import(target, name, node.lineno, place) for name in names]
            case ast.Call():
                name = _dynamic(node)
                if name is not None:
                    found.append(_import(name, None, node.lineno, place, dynamic=True))
        waiting.extend(reversed(_children(node, place)))
    return FileImports(tuple(found), tuple(problems))


def module_name(path: str, root: str = "") -> tuple[str, bool]:
    """Return the dotted name of a Python file below a source root, and whether it is a package."""
    inner = path.removeprefix(f"{root}/") if root else path
    parts = inner.removesuffix(".py").split("/")
    is_package = parts[-1] == "__init__"
    return ".".join(parts[:-1] if is_package else parts), is_package


def _import(
    module: str, name: str | None, line: int, place: _Place, *, dynamic: bool = False
) -> Import:
    return Import(
        module, name, line, place.type_checking, place.late, place.optional, dynamic=dynamic
    )


def _resolve(node: ast.ImportFrom, package: str) -> str | None:
    """Return the absolute module of a ``from`` import; ``None`` where it leads out of the top."""
    if not node.level:
        return node.module
    parts = package.split(".") if package else []
    if node.level > len(parts):
        return None
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, node.module] if node.module else base)


def _children(node: ast.AST, place: _Place) -> Sequence[tuple[ast.AST, _Place]]:
    """Return what stands in a node, each with its place."""
    match node:
        case ast.If() if _is_type_checking(node.test):
            guarded = _Place(True, place.late, place.optional)
            return [(n, guarded) for n in node.body] + [(n, place) for n in node.orelse]
        case ast.Try() | ast.TryStar():
            tried = _Place(place.type_checking, place.late, True)
            rest = [*node.handlers, *node.orelse, *node.finalbody]
            return [(n, tried) for n in node.body] + [(n, place) for n in rest]
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            inside = _Place(place.type_checking, True, place.optional)
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


def _dynamic(node: ast.Call) -> str | None:
    """Return the module that a call imports by a literal, absolute name."""
    match node.func:
        case ast.Name(id=function) | ast.Attribute(attr=function):
            pass
        case _:
            return None
    match node.args:
        case [ast.Constant(value=str(name)), *_] if function in DYNAMIC:
            return name if name and not name.startswith(".") else None
        case _:
            return None
