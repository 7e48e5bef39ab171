"""``guild resolve BRANCH``: a branch that conflicts with trunk, merged, committed and landed."""

from __future__ import annotations

from pathlib import Path

import pytest

from guild_plugins import cli
from guild_plugins.delivery.landing.verifying import verify
from guild_plugins.errors import Exit
from tests.commands.repos import git, isolate
from tests.delivery.landing.repos import Trunk

MINE, THEIRS = "def f():\n    return 2\n", "def f():\n    return 3\n"
BOTH = "def f():\n    return 5\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a work place whose branch changed the line that trunk changed, too."""
    isolate(tmp_path / "home", monkeypatch)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    trunk = Trunk.make(tmp_path / "repo")
    trunk.write({"guild.toml": (trunk.top / "guild.toml").read_text() + TESTS})
    trunk.commit("tests")
    monkeypatch.chdir(trunk.top)
    assert cli.main(["start", "t", "core"]) == Exit.DONE
    assert cli.main(["trust"]) == Exit.DONE
    place = tmp_path / "repo.guild/t/core"
    (place / "core/a.py").write_text(MINE)
    git(place, "commit", "-qam", "mine")
    trunk.write({"core/a.py": THEIRS})
    trunk.commit("theirs")
    assert cli.main(["land", "t/core", "--onto", "main"]) == Exit.NO
    return place


TESTS = '\n[landing]\ntests = ["true"]\n'


def test_trunk_is_merged_where_the_branch_is_worked_on_and_what_was_settled_lands(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert cli.main(["resolve", "t/core", "--onto", "main"]) == Exit.NO
    said = capsys.readouterr().out
    assert f"{place}/core/a.py: conflicts" in said
    assert "guild resolve t/core --continue --onto main" in said
    assert cli.main(["resolve", "t/core", "--continue"]) == Exit.NO  # it is still open
    (place / "core/a.py").write_text(BOTH)
    git(place, "add", "core/a.py")

    assert cli.main(["resolve", "t/core", "--continue", "--onto", "main"]) == Exit.DONE

    trunk = Trunk(tmp_path / "repo")
    assert trunk.text("core/a.py") == BOTH
    assert [one.problems for one in verify(trunk.repository, "main")] == [()]
    assert len(trunk.at("guild/t/core^2")) == 40


def test_begun_twice_it_is_the_same_merge(place: Path) -> None:
    codes = [cli.main(["resolve", "core", "--onto", "main"]) for _ in range(2)]

    assert codes == [Exit.NO, Exit.NO]
    assert "<<<<<<<" in (place / "core/a.py").read_text()


def test_changes_that_nobody_committed_are_not_mixed_with_the_merge(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "core/__init__.py").write_text("X = 1\n")

    assert cli.main(["resolve", "core", "--onto", "main"]) == Exit.NO

    assert "core/__init__.py" in capsys.readouterr().err
    assert not git(place, "ls-files", "--unmerged")


def test_a_hook_that_refuses_the_commit_keeps_the_branch_from_landing(
    place: Path, tmp_path: Path
) -> None:
    cli.main(["resolve", "core", "--onto", "main"])
    (place / "core/a.py").write_text(BOTH)
    git(place, "add", "core/a.py")
    hook = tmp_path / "repo/.git/hooks/pre-merge-commit"
    for name in ("pre-merge-commit", "pre-commit"):
        hook = hook.with_name(name)
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)

    assert cli.main(["resolve", "core", "--continue", "--onto", "main"]) == Exit.NO

    assert Trunk(tmp_path / "repo").text("core/a.py") == THEIRS


def test_a_branch_that_is_checked_out_nowhere_is_named(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git(place, "switch", "-q", "--detach")

    assert cli.main(["resolve", "core", "--onto", "main"]) == Exit.NO

    assert "checked out nowhere" in capsys.readouterr().err
