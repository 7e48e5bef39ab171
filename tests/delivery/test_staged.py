"""The scopes of an index are those of the same files in a commit."""

from __future__ import annotations

from pathlib import Path

import pytest

from guild_plugins.delivery.staged import staged_project
from guild_plugins.git.index import Index
from guild_plugins.git.repository import open_repository
from guild_plugins.git.snapshots import revision_tree
from guild_plugins.graph.boundaries.reading import read_project
from tests.git.user import git, isolate, make_repository


def test_a_test_that_is_placed_by_its_imports_has_the_same_owner_staged_and_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    isolate(tmp_path, monkeypatch)
    top = make_repository(tmp_path / "repo")
    for name in ("alpha", "beta"):
        (top / name).mkdir()
        for module in ("__init__", "a", "b", "c"):
            (top / name / f"{module}.py").write_text("X = 1\n" * 20)
    (top / "tests").mkdir()
    (top / "tests" / "test_other.py").write_text("from beta import a, b\n\ndef test(): ...\n")
    (top / "tests" / "test_alpha.py").write_text("import alpha\n\ndef test(): ...\n")
    git(top, "add", "-A")
    git(top, "commit", "-qm", "one")
    repository = open_repository(top)

    staged = staged_project(Index(top, repository.git_dir / "index"))
    committed = read_project(top, revision_tree(repository, "HEAD"))

    path = "tests/test_other.py"
    assert staged.owner_of(path) == committed.owner_of(path) == "beta"
