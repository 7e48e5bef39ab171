from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guild_plugins.scopes.globs import parse_glob
from guild_plugins.scopes.overlap import overlaps


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("src", "src/a.py", True),
        ("src/a.py", "src/b.py", False),
        ("src/auth", "src/authors", False),
        ("src/**", "src/a/b", True),
        ("**/tests", "src/x/tests/y.py", True),
        ("**/tests", "src", True),  # src/tests lies in src
        ("src/*.py", "src/*.txt", False),
        ("src/a*", "src/*b", True),
        ("src/a?c", "src/abc", True),
        ("src/a?c", "src/abbc", False),
        ("src/[a-c]x", "src/bx", True),
        ("*/x", "a/y", False),
        ("a/**/z", "a/b/c", True),
        ("a/*/z", "a/b/c", False),
        (".", "anything", True),
    ],
)
def test_overlap(one: str, other: str, expected: bool) -> None:
    assert overlaps(one, other) is expected
    assert overlaps(other, one) is expected


SEGMENTS = st.sampled_from(("a", "b", "ab", "*", "a*", "*b", "?", "**", "[ab]"))
PATTERNS = st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join)
PATHS = st.lists(st.sampled_from(("a", "b", "ab", "aab")), min_size=1, max_size=5).map("/".join)


@settings(deadline=None)
@given(PATTERNS, PATTERNS, PATHS)
def test_patterns_that_name_one_path_overlap(one: str, other: str, path: str) -> None:
    both = parse_glob(one).matches(path) and parse_glob(other).matches(path)

    assert overlaps(one, other) or not both


def test_long_patterns_are_no_trouble() -> None:
    begin = time.process_time()

    overlaps("/".join(["**", "a*b*c"] * 15 + ["x"]), "/".join(["a", "*b?"] * 200))
    overlaps("*a" * 30 + "x", "a" * 3000)

    assert time.process_time() - begin < 5
