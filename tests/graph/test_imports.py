from __future__ import annotations

import pytest

from guild_plugins.graph.imports import Import, module_name, read_imports


def test_imports_are_read_in_order_with_their_lines() -> None:
    found = read_imports(b"import a.b, c\nfrom d.e import f as g\n")

    assert found.imports == (
        Import("a.b", None, 1),
        Import("c", None, 1),
        Import("d.e", "f", 2),
    )
    assert found.modules == {"a.b", "c", "d.e", "d.e.f"}


@pytest.mark.parametrize(
    ("source", "is_package", "module"),
    [
        ("from . import x", False, "a.b"),
        ("from . import x", True, "a.b.c"),
        ("from .. import x", False, "a"),
        ("from .d import x", False, "a.b.d"),
        ("from ..d.e import x", False, "a.d.e"),
    ],
)
def test_relative_imports_are_resolved(source: str, is_package: bool, module: str) -> None:
    found = read_imports(source.encode(), "a.b.c", is_package=is_package)

    assert [i.module for i in found.imports] == [module]


def test_an_import_from_above_the_top_is_a_problem() -> None:
    found = read_imports(b"\nfrom .... import x\n", "a.b")

    assert found.imports == ()
    assert found.problems[0].line == 2


def test_where_an_import_stands_is_told() -> None:
    source = b"""
if TYPE_CHECKING:
    import a
else:
    import b
try:
    import c
except ImportError:
    import d
def f():
    import e
class K:
    import g
import_module("h.i"); pytest.importorskip("j"); import_module(name); import_module(".k")
"""

    found = {i.module: i for i in read_imports(source).imports}

    assert set(found) == {"a", "b", "c", "d", "e", "g", "h.i", "j"}
    assert [m for m, i in found.items() if i.type_checking] == ["a"]
    assert [m for m, i in found.items() if i.optional] == ["c"]
    assert [m for m, i in found.items() if i.late] == ["e"]
    assert [m for m, i in found.items() if i.dynamic] == ["h.i", "j"]


@pytest.mark.parametrize(
    "source",
    [
        b"def (",
        b"\0",
        b"# coding: nonsense\n",
        b"x = '\xff'",
        b"(" * 1000,
        b"x = " + b"-" * 100_000 + b"1",
        b"a" + b".a" * 50_000,
    ],
)
def test_a_file_that_cannot_be_read_never_raises(source: bytes) -> None:
    found = read_imports(source)

    assert found.imports == ()


def test_a_file_that_does_not_parse_is_a_problem_with_its_line() -> None:
    found = read_imports(b"x = 1\nimport\n")

    assert found.problems[0].line == 2
    assert "cannot be parsed" in found.problems[0].message


@pytest.mark.parametrize(
    ("path", "root", "expected"),
    [
        ("src/a/b.py", "src", ("a.b", False)),
        ("a/__init__.py", "", ("a", True)),
    ],
)
def test_a_path_has_a_module_name(path: str, root: str, expected: tuple[str, bool]) -> None:
    name = module_name(path, root)

    assert name == expected
