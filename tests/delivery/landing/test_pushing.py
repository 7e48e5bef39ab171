"""Trunk is a remote's branch: several clones land through it, without any other arbiter."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from guild_plugins.delivery.landing.trail import landings_in
from guild_plugins.delivery.landing.trunks import PushRefused, RemoteTrunk
from guild_plugins.delivery.landing.verifying import verify
from tests.delivery.landing.repos import Tests, Trunk, kinds
from tests.git.user import git

CORE_2 = {"core/a.py": "def f():\n    return 2\n"}


@pytest.fixture
def remote(trunk: Trunk, tmp_path: Path) -> Path:
    git(tmp_path, "clone", "-q", "--bare", str(trunk.top), "remote.git")
    git(trunk.top, "remote", "add", "origin", str(tmp_path / "remote.git"))
    return tmp_path / "remote.git"


def at(remote: Path) -> str:
    return git(remote, "rev-parse", "main").decode()


def test_the_remote_moves_and_the_clones_own_branch_stays(trunk: Trunk, remote: Path) -> None:
    trunk.branch("t/core", CORE_2)
    before = trunk.at("main")

    report = trunk.land(remote="origin")

    assert kinds(report) == {"t/core": "landed"}
    assert at(remote) == report.outcomes[0].commit != before
    assert trunk.at("main") == before
    assert trunk.clean()


def test_who_pushes_too_late_merges_again(trunk: Trunk, remote: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", str(remote), "other")
    other = Trunk(tmp_path / "other")
    trunk.branch("t/core", CORE_2)
    once = iter([{"doc/text": "moved\n"}])

    def push(_: str) -> None:
        for files in once:
            other.write(dict(files))
            other.commit("by hand")
            git(other.top, "push", "-q", "origin", "main")

    report = trunk.land(test=Tests(meanwhile=push), remote="origin")

    assert (kinds(report), report.rounds) == ({"t/core": "landed"}, 2)
    assert git(remote, "show", "main:doc/text") == b"moved"
    assert len(git(remote, "log", "--format=%h", "main").splitlines()) == 3


def test_a_remote_that_refuses_is_heard(trunk: Trunk, remote: Path) -> None:
    hook = remote / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    trunk.branch("t/core", CORE_2)
    before = at(remote)

    with pytest.raises(PushRefused):
        trunk.land(remote="origin")

    assert at(remote) == before


@pytest.mark.parametrize("arrived", [True, False])
def test_a_push_whose_process_died_is_settled_by_what_the_remote_has(
    trunk: Trunk, remote: Path, monkeypatch: pytest.MonkeyPatch, arrived: bool
) -> None:
    trunk.branch("t/core", CORE_2)
    before, move = at(remote), RemoteTrunk.move

    def die(*args: object) -> None:
        if arrived:
            move(*args)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RemoteTrunk, "move", die)
        with pytest.raises(KeyboardInterrupt):
            trunk.land(remote="origin")
    assert (at(remote) != before) is arrived

    report = trunk.land(remote="origin")

    assert kinds(report) == {"t/core": "nothing" if arrived else "landed"}
    assert len(list(landings_in(remote, ["main"]))) == 1
    assert not git(trunk.top, "for-each-ref", "refs/guild/land")


def test_clones_land_at_once_and_each_branch_lands_exactly_once(
    trunk: Trunk, remote: Path, tmp_path: Path
) -> None:
    clones = []
    for number in range(3):
        git(tmp_path, "clone", "-q", str(remote), f"clone{number}")
        clone = Trunk(tmp_path / f"clone{number}")
        for name in ("a", "b"):
            clone.branch(f"{name}{number}/doc", {f"doc/{name}{number}": f"{name}\n"})
        clones.append(clone)

    with ThreadPoolExecutor(3) as pool:
        reports = list(pool.map(lambda clone: clone.land(remote="origin"), clones))

    assert all(one.kind == "landed" for report in reports for one in report.outcomes)
    found = [one.task for one in landings_in(remote, ["main"])]
    assert sorted(found) == ["a0", "a1", "a2", "b0", "b1", "b2"]
    assert len(git(remote, "rev-list", "main").splitlines()) == 7, "linear, and nothing lost"
    git(remote, "fsck", "--strict")
    git(clones[0].top, "fetch", "-q", "origin", "main", "+refs/notes/guild:refs/notes/guild")
    checked = verify(clones[0].repository, "origin/main")
    assert [(one.problems, one.unchecked) for one in checked] == [((), ())] * 6
