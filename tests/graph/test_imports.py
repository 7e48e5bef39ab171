from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guild_plugins.graph.facts import decode, encode
from guild_plugins.graph.imports import BY_CALL, IN_FUNCTION, FileImports, Import
from guild_plugins.graph.parsing import parse_imports
from guild_plugins.graph.reading import read_imports
from guild_plugins.graph.scanning import scan_imports


def test_imports_are_read_in_order_with_their_lines() -> None:
    found = read_imports(b"import a.b, c\nfrom d.e import f as g, h\nfrom ..i import *\n")

    assert found.imports == (
        Import("a.b", (), 1),
        Import("c", (), 1),
        Import("d.e", ("f", "h"), 2),
        Import("i", ("*",), 3, level=2),
    )
    assert found.modules == {"a.b", "c", "d.e", "d.e.f", "d.e.h"}


WHERE = b"""
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
import_module("h.i")
pytest.importorskip("j", reason="x")
import_module(name)
if t.TYPE_CHECKING:  # only then
    def f(x=[
        1]):
        '''
        import none
try:
if TYPE_CHECKING:
        '''
        import k
"""


@pytest.mark.parametrize("read", [read_imports, parse_imports, scan_imports])
def test_where_an_import_stands_is_told(read: object) -> None:
    assert callable(read)

    found = {i.module: i for i in read(WHERE).imports}

    assert set(found) == {"a", "b", "c", "d", "e", "g", "h.i", "j", "k"}
    assert [m for m, i in found.items() if i.is_type_checking] == ["a", "k"]
    assert [m for m, i in found.items() if i.is_optional] == ["c", "h.i", "j"]
    assert [m for m, i in found.items() if i.is_late] == ["e", "h.i", "j", "k"]
    assert [m for m, i in found.items() if i.place & BY_CALL] == ["h.i", "j"]
    assert found["e"].place == IN_FUNCTION


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import_module('.x', 'a.b')", Import("a.b.x", (), 1, 0, BY_CALL)),
        ("import_module('..x', package='a.b')", Import("a.x", (), 1, 0, BY_CALL)),
        ("import_module('.x', __package__)", Import("x", (), 1, 1, BY_CALL)),
        ("__import__('x.y')", Import("x.y", (), 1, 0, BY_CALL)),
        ("pytest_plugins = 'a.b'", Import("a.b", (), 1, 0, BY_CALL)),
        ("pytest_plugins: list[str] = ['a.b']", Import("a.b", (), 1, 0, BY_CALL)),
    ],
)
def test_imports_by_a_literal_name_are_read(source: str, expected: Import) -> None:
    assert read_imports(source.encode()).imports == (expected,)


@pytest.mark.parametrize(
    "source",
    [
        b"import_module('.x')",
        b"import_module('.x', somewhere)",
        b"import_module('....x', 'a.b')",
        b"import_module(f'a.{b}')",
        b"import_module('a' + b)",
        b"x.import_module()",
        b"# import_module('a')",
        b"'''\nimport a\n'''",
        b"def f():\n    raise X(\n    ) \\\n      from e\n",
        b"def f():\n    yield from (\n  a)\n",
    ],
)
def test_what_only_looks_like_an_import_is_none(source: bytes) -> None:
    assert read_imports(source) == FileImports(())


@pytest.mark.parametrize(
    "source",
    [
        b"def (",
        b"\0",
        b"# coding: nonsense\nimport",
        b"x = '\xff'",
        b"(" * 1000,
        b"x = " + b"-" * 100_000 + b"1",
        b"a" + b".a" * 50_000,
        b"from" * 1000,
        b"import",
        b"\nfrom a import (b",
        b'"""import a',
    ],
)
def test_a_file_that_cannot_be_read_never_raises(source: bytes) -> None:
    found = read_imports(source)

    assert found.imports == ()


def test_a_file_whose_imports_cannot_be_told_is_a_problem_with_its_line() -> None:
    found = read_imports(b"x = 1\nimport\n")

    assert found.problems[0].line == 2
    assert "cannot be parsed" in found.problems[0].message


def test_imports_beside_a_broken_line_are_read_all_the_same() -> None:
    found = read_imports(b"import a\ndef f(:\n    import b\n")

    assert [i.module for i in found.imports] == ["a", "b"]


LINES = st.sampled_from(
    [
        "import a",
        "import a.b as c, d",
        "from . import e",
        "from .. import e as f, g",
        "from a.b import (c,  # why )\n  d\n)",
        "from .a import *",
        "from a \\\n  import b",
        "import a; import b",
        "if x: import a",
        "try:\n  import a\nexcept E: pass",
        "if TYPE_CHECKING:\n import a\nelse:\n from b import c",
        "if not TYPE_CHECKING:\n import a",
        "def f():\n  '''doc\nimport no\n  '''\n  import a",
        "async def f(): import a",
        "class A:\n\timport a\n\tdef g(self):\n\t\tfrom . import b",
        "with x:\n  import a",
        "for x in (\n1,\n2):\n  import a",
        "if (a\nor b):\n  import c",
        "if (\n  TYPE_CHECKING\n):\n  import c",
        "if TYPE_CHECKING and x:\n  import c",
        "import_module('a.%s' % b)",
        "import_module('a' 'b')",
        "import_module(('a'))",
        "from a import \\\n  (b, c)",
        "x = '''\nimport no\n'''",
        'x = f"""\nimport no {a} """',
        "x = 'it\\'s' + \"# no\"  # don't\nimport a",
        "x = r'\\'\nimport a",
        "raise A from b",
        "def f():\n  yield from a",
        "def f():\n  raise A(\n) from b",
        "import_module('a.b')",
        "if x:\n  import_module('.b', __package__)",
        "x = [\n  __import__('a'),\n]",
        "pytest_plugins = ['a', 'b']",
        "match x:\n  case 1:\n    import a",
        "import naïve",
        "from_x = 1",
        "importer = 2",
        "x = y[1:\nfrom_z]",
        "\x0cimport a",
        "{'a': 1,\n 'b': import_x}",
    ]
)


@given(st.lists(LINES, max_size=8).map("\n".join), st.sampled_from(["\n", "\r\n"]))
def test_scanning_finds_what_parsing_finds(text: str, ending: str) -> None:
    source = text.replace("\n", ending).encode()

    scanned, parsed = scan_imports(source), parse_imports(source)

    if scanned is not None and not parsed.problems:
        assert sorted(scanned.imports) == sorted(parsed.imports)


@pytest.mark.parametrize(
    "source",
    [
        b"from __future__ import annotations\nimport a.b as c\nfrom . import d\n",
        b"try:\n    import a\nexcept ImportError:\n    def f():\n        from b import (\n  c)\n",
    ],
)
def test_usual_files_need_no_parser(source: bytes) -> None:
    assert scan_imports(source) == parse_imports(source)


def test_facts_are_text_and_back() -> None:
    found = FileImports((Import("a", ("b", "c"), 3, 1, 5),), read_imports(b"import").problems)

    assert decode(encode(found)) == found
    assert "\n" not in encode(found)
