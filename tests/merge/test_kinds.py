from __future__ import annotations

import pytest

from guild_plugins.merge.kinds import kind_of


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a/b.py", "python"),
        ("CHANGES", "changelog"),
        ("doc/whatsnew/3.rst", "changelog"),
        ("tools/release.sh", "text"),
        ("AUTHORS.rst", "people"),
        (".github/CODEOWNERS", "people"),
        (".gitignore", "patterns"),
        ("requirements-dev.txt", "pins"),
        ("poetry.lock", "lock"),
        ("package-lock.json", "lock"),
        ("README.md", "prose"),
        ("Makefile.py.in", "text"),
    ],
)
def test_a_name_tells_the_kind(path: str, kind: str) -> None:
    assert kind_of(path) == kind
