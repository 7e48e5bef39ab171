from __future__ import annotations

import ast

import pytest

from guild_plugins.graph.boundaries.supplied import supplied_names

DEPRECATED = """
def __getattr__(name):
    if name == "old":
        warnings.warn(f"{name} is deprecated")
        return new
    if name in ("a", "b"):
        return globals()[f"_{name}"]
    raise AttributeError(name)
"""


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x = 1\nclass C:\n    def __getattr__(self, name): return 1\n", set()),
        (DEPRECATED, {"old", "a", "b"}),
        ("def __getattr__(name): return 1\n", None),
        (DEPRECATED.replace("    raise", "    return find(name)\n    raise"), None),
        (DEPRECATED.replace('"a", "b"', "NAMES"), None),
        (DEPRECATED.replace("name in", "name not in"), None),
        ("from x import __getattr__\n", None),
        ("__getattr__ = make()\n", None),
        ("if x:\n    def __getattr__(name): pass\n", None),
    ],
)
def test_what_a_getattr_supplies_is_told_where_it_can_be(text: str, names: set[str] | None) -> None:
    assert supplied_names(ast.parse(text).body) == names
