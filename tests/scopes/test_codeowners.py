from __future__ import annotations

import pytest

from guild_plugins.scopes.codeowners import line_for, parse_codeowners

TEXT = """\
# comment
* @all
*.md @docs
/src/auth/ @auth @second # why
apps/ @apps
/with\\ space/ @space
/free/
[Section]
^[Optional][2] @nobody
!/broken
"""


@pytest.mark.parametrize(
    ("path", "owners"),
    [
        ("x.py", ("@all",)),
        ("a/b.md", ("@docs",)),
        ("src/auth/a.md", ("@auth", "@second")),
        ("a/apps/b", ("@apps",)),
        ("with space/a", ("@space",)),
        ("free/a", ()),
    ],
)
def test_the_last_line_that_matches_decides(path: str, owners: tuple[str, ...]) -> None:
    lines = parse_codeowners(TEXT)

    line = line_for(lines, path)

    assert line is not None
    assert line.owners == owners


def test_a_path_without_a_line_is_not_the_same_as_one_without_owners() -> None:
    lines = parse_codeowners("/a @a\n/b\n")

    found = [line_for(lines, "b"), line_for(lines, "c")]

    assert found[0] is not None
    assert found[1] is None
