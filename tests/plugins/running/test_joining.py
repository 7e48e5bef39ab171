"""Where a scope begins that others come before."""

from __future__ import annotations

from pathlib import Path

import pytest

from guild_plugins.plugins.running.joining import CannotJoin, join
from tests.git import repos
from tests.git.repos import git


@pytest.fixture
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for kind in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{kind}_NAME", "A")
        monkeypatch.setenv(f"GIT_{kind}_EMAIL", "a@example.org")
    top = repos.make(tmp_path / "repo", {"base": "1\n"}).top
    git(top, "branch", "base")
    return top


def commit(top: Path, branch: str, start: str, **files: str) -> str:
    git(top, "checkout", "-q", "-b", branch, start)
    repos.write(top, files)
    return repos.commit(top)


def id_of(top: Path, name: str) -> str:
    return git(top, "rev-parse", name).strip()


def names(top: Path, commit: str) -> set[str]:
    return set(git(top, "ls-tree", "--name-only", commit).split())


def test_without_others_it_is_the_base(top: Path) -> None:
    base = id_of(top, "base")

    assert join(top, base, []) == base


def test_what_is_in_anothers_past_is_joined_already(top: Path) -> None:
    commit(top, "one", "base", one="1")
    commit(top, "two", "one", two="2")
    base, one, two = (id_of(top, name) for name in ("base", "one", "two"))

    assert join(top, base, [one, two]) == two
    assert join(top, base, [two, one]) == two


def test_all_work_that_comes_before_is_in_it_and_no_reference_moves(top: Path) -> None:
    before = [commit(top, f"s{n}", "base", **{f"f{n}": "x"}) for n in "123"]
    base = id_of(top, "base")
    refs = git(top, "for-each-ref")

    joined = join(top, base, before)

    assert names(top, joined) >= {"base", "f1", "f2", "f3"}
    assert git(top, "for-each-ref") == refs


def test_work_that_does_not_fit_together_is_told(top: Path) -> None:
    one = commit(top, "one", "base", base="2\n")
    two = commit(top, "two", "base", base="3\n")

    with pytest.raises(CannotJoin, match="does not fit together in base"):
        join(top, id_of(top, "base"), [one, two])
