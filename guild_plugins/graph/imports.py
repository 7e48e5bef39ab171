"""What one file imports: facts of its content alone.

They hold wherever the file lies, so they are kept by the content's id: relative
imports stay relative until `modules` knows the file's place. Whether ``a`` in
``from b import a`` is a module or a name inside one cannot be told from the
file either; both parts are kept.
"""

from __future__ import annotations

from typing import NamedTuple

DYNAMIC = frozenset({"import_module", "__import__", "importorskip"})
"""Functions that import the module which their first argument names."""

UNDER_TYPE_CHECKING, IN_FUNCTION, IN_TRY, BY_CALL = 1, 2, 4, 8


class Import(NamedTuple):
    """One import of one module: the dotted name as written, and the names taken from it.

    ``from . import a, b`` has level 1, no module, and two names; ``import a.b`` has no names.
    """

    module: str
    names: tuple[str, ...]
    line: int
    level: int = 0
    """The dots in front: 0 is an absolute import."""
    place: int = 0
    """Where it stands, as a sum."""

    @property
    def is_type_checking(self) -> bool:
        """Say whether it stands under ``if TYPE_CHECKING``: it is never run."""
        return bool(self.place & UNDER_TYPE_CHECKING)

    @property
    def is_late(self) -> bool:
        """Say whether it is run later than its module: in a function, or by a call."""
        return bool(self.place & (IN_FUNCTION | BY_CALL))

    @property
    def is_optional(self) -> bool:
        """Say whether it may fail without harm: in the body of a ``try``, or by a call."""
        return bool(self.place & (IN_TRY | BY_CALL))

    def __str__(self) -> str:
        name = "." * self.level + self.module
        return f"from {name} import {', '.join(self.names)}" if self.names else f"import {name}"


class Problem(NamedTuple):
    """Why a file's imports are not known, or not all of them."""

    line: int
    message: str


class FileImports(NamedTuple):
    """The imports of one file in order, and what stood in the way of reading it."""

    imports: tuple[Import, ...]
    problems: tuple[Problem, ...] = ()

    @property
    def modules(self) -> frozenset[str]:
        """The absolute dotted names that may be modules.

        ``a.b`` and ``a.b.c`` for ``from a.b import c``.
        """
        found = [i for i in self.imports if not i.level]
        names = {i.module for i in found}
        return frozenset(names | {f"{i.module}.{n}" for i in found for n in i.names if n != "*"})


def is_module_name(text: str) -> bool:
    """Say whether text is an absolute dotted name."""
    return all(part.isidentifier() for part in text.split("."))
