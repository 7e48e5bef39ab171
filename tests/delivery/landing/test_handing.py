"""What is proven, handed to another queue; trunk stays where it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from guild_plugins.delivery.landing.handing import AsBranches, AsPatches, FolderTaken
from guild_plugins.delivery.landing.verifying import verify
from tests.delivery.landing.repos import Tests, Trunk, kinds
from tests.git.user import git

CORE_2 = {"core/a.py": "def f():\n    return 2\n"}
DOC = {"doc/text": "new\n"}


def test_branches_stand_on_each_other_and_trunk_becomes_the_last_one(trunk: Trunk) -> None:
    trunk.branch("t/core", CORE_2)
    trunk.branch("t/doc", DOC)
    trunk.branch("t/web", {"web/h.py": "H = 1\n"})
    (trunk.top / "core/a.py").write_text("mine\n")
    at, test = trunk.at("main"), Tests(failing=("t/web",))

    report = trunk.land(hand_over=AsBranches(), test=test)

    assert kinds(report) == {"t/core": "handed", "t/doc": "handed", "t/web": "tests"}
    first, last = (report.outcomes[place].commit for place in (0, 1))
    assert (trunk.at("landing/t/core"), trunk.at("landing/t/doc")) == (first, last)
    assert (trunk.at("landing/t/core^"), trunk.at("landing/t/doc^"), trunk.at("main")) == (
        at,
        first,
        at,
    )
    assert [one.problems for one in verify(trunk.repository, "landing/t/doc")] == [(), ()]
    assert not git(trunk.top, "for-each-ref", "refs/guild")


def test_once_more_moves_the_branches(trunk: Trunk) -> None:
    trunk.branch("t/core", CORE_2)
    trunk.land(hand_over=AsBranches())
    trunk.branch("t/core", {"core/b.py": "B = 1\n"})

    report = trunk.land(hand_over=AsBranches())

    assert trunk.at("landing/t/core") == report.outcomes[0].commit
    assert trunk.at("landing/t/core^") == trunk.at("main")


def test_with_a_remote_the_branches_are_there(trunk: Trunk, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(trunk.top), "remote.git")
    git(trunk.top, "remote", "add", "origin", str(tmp_path / "remote.git"))
    trunk.branch("t/core", CORE_2)

    report = trunk.land(hand_over=AsBranches(), remote="origin")

    there = git(tmp_path / "remote.git", "rev-parse", "landing/t/core", "main").decode().split()
    assert there == [report.outcomes[0].commit, trunk.at("main")]
    assert not git(trunk.top, "branch", "--list", "landing/*")


def test_patches_give_the_trees_that_were_tested(trunk: Trunk, tmp_path: Path) -> None:
    trunk.branch("t/core", CORE_2, "[core] Two")
    trunk.branch("t/doc", DOC)
    git(trunk.top, "config", "format.signOff", "true")
    git(trunk.top, "config", "diff.noprefix", "true")
    folder = tmp_path / "out/patches"

    report = trunk.land(hand_over=AsPatches(folder))

    files = sorted(folder.iterdir())
    assert [one.details for one in report.outcomes] == [(str(file),) for file in files]
    assert [file.name for file in folder.parent.iterdir()] == ["patches"]
    git(trunk.top, "am", "-q", *map(str, files))
    found = verify(trunk.repository, "main")
    assert [(one.landing.scope, one.problems) for one in found] == [("core", ()), ("doc", ())]


def test_a_folder_with_something_in_it_is_refused_before_any_test(
    trunk: Trunk, tmp_path: Path
) -> None:
    trunk.branch("t/core", CORE_2)
    folder = tmp_path / "patches"
    folder.mkdir()
    (folder / "0001-other.patch").touch()

    with pytest.raises(FolderTaken):
        AsPatches(folder).check()
    with pytest.raises(FolderTaken):
        trunk.land(hand_over=AsPatches(folder))

    assert [file.name for file in folder.iterdir()] == ["0001-other.patch"]
