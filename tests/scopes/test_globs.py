from __future__ import annotations

import time

import pathspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guild_plugins.scopes.globs import escape, parse_glob


@pytest.mark.parametrize("pattern", ["src/auth", "src/auth/", "src/auth/**", "./src//auth/**/**"])
def test_a_directory_can_be_written_in_several_ways(pattern: str) -> None:
    glob = parse_glob(pattern)

    matched = [p for p in ("src/auth", "src/auth/a/b.py", "src/authn/a.py") if glob.matches(p)]

    assert matched == ["src/auth", "src/auth/a/b.py"]


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("docs", "src/docs/a", False),
        ("**/docs", "src/docs/a", True),
        ("*.py", "a.py", True),
        ("*.py", "src/a.py", False),
        ("src/*/tests", "src/a/tests/x.py", True),
        ("src/*/tests", "src/a/b/tests/x.py", False),
        ("src/**/tests", "src/tests/x.py", True),
        ("src/**/tests/*.py", "src/a/b/tests/x.py", True),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("[!a]b", "cb", True),
        ("[^a]b", "ab", False),
        ("[*]", "*", True),
        ("[*]", "a", False),
        ("**", "any/thing", True),
    ],
)
def test_wildcards_mean_what_gitignore_says(pattern: str, path: str, expected: bool) -> None:
    glob = parse_glob(pattern)

    matched = glob.matches(path)

    assert matched is expected


@pytest.mark.parametrize("pattern", ["", "  ", "/etc", "a/../b", "..", "C:/x", "a\\b", "a\0b"])
def test_a_pattern_outside_the_project_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"is|leaves|has"):
        parse_glob(pattern)


def test_more_wildcards_than_anyone_needs_are_refused() -> None:
    with pytest.raises(ValueError, match="wildcards"):
        parse_glob("/".join(["*a"] * 40) + "/b")


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/".join(["**"] * 12) + "/x", "a/" * 2000 + "y"),
        ("**/a/**/a/**/a/**/a/**/b", "a/" * 2000 + "c"),
        ("*a" * 30 + "b", "a" * 5000),
        ("**/" + "*a" * 15 + "b", ("a" * 200 + "/") * 50),
    ],
)
def test_no_pattern_takes_long(pattern: str, path: str) -> None:
    glob = parse_glob(pattern.removeprefix("/"))
    before = time.process_time()

    matched = glob.matches(path)

    assert not matched
    assert time.process_time() - before < 0.5


SEGMENTS = st.sampled_from(["a", "b", "ab", "*", "**", "a*", "*b", "?", "[ab]", "[!a]"])


@settings(max_examples=300, deadline=None)
@given(
    st.lists(SEGMENTS, min_size=1, max_size=5),
    st.lists(st.sampled_from(["a", "b", "ab", "ba", "c"]), min_size=1, max_size=6),
)
def test_patterns_agree_with_an_independent_reading_of_gitignore(
    segments: list[str], parts: list[str]
) -> None:
    pattern, path = "/".join(segments), "/".join(parts)
    reference = pathspec.GitIgnoreSpec.from_lines(["/" + pattern])
    if pattern.endswith("**"):
        path += "/file"  # gitignore's trailing ** means what lies inside

    matched = parse_glob(pattern).matches(path)

    assert matched is reference.match_file(path)


@given(st.text(st.characters(exclude_characters="/\\\0", exclude_categories=["Cs"]), min_size=1))
def test_an_escaped_path_matches_itself_alone(name: str) -> None:
    if name in (".", "..") or not name.strip():
        return
    path = f"src/{name}"

    glob = parse_glob(escape(path))

    assert glob.literal == path
