from __future__ import annotations

import ast

import pytest

from guild_plugins.graph.boundaries.surface import Signature, read_surface


def surface(text: str) -> object:
    return read_surface(ast.parse(text))


@pytest.mark.parametrize(
    ("parameters", "fits", "fails"),
    [
        ("a, b=1", ["1", "1, 2", "a=1", "1, b=2"], ["", "1, 2, 3", "1, a=2", "c=1, a=1"]),
        ("a, /, b", ["1, 2", "1, b=2"], ["a=1, b=2", "1"]),
        ("a, /, **k", ["1, a=2"], ["a=1"]),
        ("*a, k", ["k=1", "1, 2, 3, k=4"], ["1", ""]),
        ("a, *, k=1, **rest", ["1", "1, k=2, z=3"], ["1, 2"]),
        ("", [""], ["1", "a=1"]),
    ],
)
def test_a_call_fits_a_signature_as_it_does_in_python(
    parameters: str, fits: list[str], fails: list[str]
) -> None:
    signature = read_surface(ast.parse(f"def f({parameters}): pass"))["f"]
    assert signature is not None
    function = eval(f"lambda {parameters}: None")

    for arguments in (*fits, *fails):
        call = ast.parse(f"f({arguments})", mode="eval").body
        assert isinstance(call, ast.Call)
        names = frozenset(k.arg for k in call.keywords if k.arg)
        assert signature.accepts(len(call.args), names) == (arguments in fits)
        try:
            eval(f"f({arguments})", {"f": function})
        except TypeError:
            assert arguments in fails
        else:
            assert arguments in fits


def test_names_at_the_top_are_offered_wherever_they_stand() -> None:
    text = """
import a.b, c as d
from e import f
try:
    def g(): pass
except X:
    h = 1
if x:
    class I:
        def __init__(self, j): pass
(k, l), m = n
o: int = 1
def p():
    def q(): pass
"""

    found = read_surface(ast.parse(text))

    assert set(found) == {"a", "d", "f", "g", "h", "I", "k", "l", "m", "o", "p"}
    assert found["I"] is not None
    assert found["I"].positional == ("j",)
    assert found["m"] is None


@pytest.mark.parametrize(
    "text",
    [
        "import functools\n@functools.cache\ndef f(a): ...",
        "import functools as ft\n@ft.lru_cache(maxsize=None)\ndef f(a): ...",
        "from contextlib import contextmanager as manager\n@manager\ndef f(a): ...",
        "from functools import wraps\nfrom typing import final\n"
        "@final\n@wraps(print)\ndef f(a): ...",
        "from typing import final\n@final\nclass f:\n    def __init__(self, a): ...",
    ],
)
def test_decorators_that_leave_calls_as_they_are_are_read_through(text: str) -> None:
    assert read_surface(ast.parse(text))["f"] == Signature(("a",))


@pytest.mark.parametrize(
    "text",
    [
        "@cache\ndef f(a): ...",
        "from mine import cache\n@cache\ndef f(a): ...",
        "from .functools import cache\n@cache\ndef f(a): ...",
        "from functools import cache\ncache = mine\n@cache\ndef f(a): ...",
        "from functools import singledispatch\n@singledispatch\ndef f(a): ...",
        "from contextlib import contextmanager\n@contextmanager(1)\ndef f(a): ...",
        "import functools\n@functools.wraps\ndef f(a): ...",
    ],
)
def test_of_other_decorators_nothing_is_claimed(text: str) -> None:
    assert read_surface(ast.parse(text))["f"] is None


def test_a_function_that_is_decorated_or_defined_twice_may_be_called_anyhow() -> None:
    found = read_surface(ast.parse("@d\ndef f(a): pass\ndef g(): pass\ndef g(a): pass"))

    assert found == {"f": None, "g": None}
