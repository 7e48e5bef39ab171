"""What becomes of the work trees that have trunk checked out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from guild_plugins.coordination.leases import Leases
from guild_plugins.delivery.doctor import examine
from guild_plugins.delivery.landing import landing, publishing, settling
from guild_plugins.delivery.landing.notes import read_notes
from guild_plugins.delivery.landing.outcomes import Synchronised
from guild_plugins.delivery.landing.trunks import LocalTrunk
from tests.delivery.landing.repos import Tests, Trunk
from tests.git.user import git

CORE_2 = {"core/a.py": "def f():\n    return 2\n", "core/n.py": "N = 1\n"}


class Died(BaseException):
    """Stands for the death of the process: no handler of ours takes it."""


def test_a_dirty_work_tree_is_left_alone_and_so_is_trunk(trunk: Trunk) -> None:
    trunk.branch("t/core", CORE_2)
    (trunk.top / "core/a.py").write_text("mine\n")
    at, test = trunk.at("main"), Tests()

    outcome = trunk.outcome("t/core", test=test)

    assert outcome.kind == "dirty"
    assert "core/a.py" in outcome.details[0]
    assert (trunk.at("main"), (trunk.top / "core/a.py").read_text()) == (at, "mine\n")
    assert not test.asked


@pytest.mark.parametrize("way", ["untracked", "staged"])
def test_what_is_in_the_way_is_kept(trunk: Trunk, way: str) -> None:
    trunk.branch("t/core", CORE_2)
    (trunk.top / "core/n.py").write_text("mine\n")
    if way == "staged":
        git(trunk.top, "add", "core/n.py")

    assert trunk.outcome("t/core").kind == "dirty"
    assert (trunk.top / "core/n.py").read_text() == "mine\n"


def test_changes_elsewhere_stay_and_the_rest_follows(trunk: Trunk) -> None:
    trunk.branch("t/core", CORE_2)
    (trunk.top / "doc/text").write_text("mine\n")
    (trunk.top / "web/b.py").write_text("staged\n")
    git(trunk.top, "add", "web/b.py")
    (trunk.top / "new").write_text("untracked\n")

    report = trunk.land()

    assert report.work_trees == (Synchronised(str(trunk.top)),)
    assert (trunk.top / "core/n.py").exists()
    assert git(trunk.top, "status", "--porcelain").splitlines() == [
        b" M doc/text",
        b"M  web/b.py",
        b"?? new",
    ]


def test_a_branch_that_is_in_the_way_stays_and_another_lands(trunk: Trunk) -> None:
    trunk.branch("t/core", CORE_2)
    trunk.branch("t/doc", {"doc/new": "1\n"})
    (trunk.top / "core/a.py").write_text("mine\n")

    report = trunk.land()

    assert [one.kind for one in report.outcomes] == ["dirty", "landed"]
    assert (trunk.top / "doc/new").exists()


def test_other_branches_that_are_checked_out_are_not_touched(trunk: Trunk) -> None:
    trunk.branch("t/core", CORE_2)
    git(trunk.top, "switch", "-q", "-c", "mine")
    (trunk.top / "core/a.py").write_text("mine\n")

    report = trunk.land()

    assert [one.kind for one in report.outcomes] == ["landed"]
    assert not report.work_trees
    assert git(trunk.top, "status", "--porcelain") == b" M core/a.py"


def test_a_merge_that_goes_on_in_a_work_tree_is_not_disturbed(trunk: Trunk) -> None:
    trunk.branch("t/core", CORE_2)
    (trunk.top / ".git/MERGE_HEAD").write_text(trunk.at("main"))

    outcome = trunk.outcome("t/core")

    assert (outcome.kind, "a merge" in outcome.details[0]) == ("dirty", True)


# -- a process that dies on the way --------------------------------------------


def die_at(monkeypatch: pytest.MonkeyPatch, trunk: Trunk, module: object, name: str) -> None:
    """Land, and die when some function is called."""

    def die(*_: object, **__: object) -> None:
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(module, name, die)
        with pytest.raises(Died):
            trunk.land()


def ailments(trunk: Trunk) -> list[str]:
    return [one.kind for one in examine(trunk.repository)]


def leave_pins(_: object, __: object) -> None:
    """In the place of `unpin`: a process that dies does not tidy up."""


@pytest.mark.parametrize(
    ("module", "name", "has_moved"),
    [
        (landing, "publish", False),
        (LocalTrunk, "move", False),
        (publishing, "synchronise", True),
        (publishing, "ended", True),
    ],
)
def test_a_landing_that_died_is_completed_or_withdrawn(
    trunk: Trunk, monkeypatch: pytest.MonkeyPatch, module: object, name: str, has_moved: bool
) -> None:
    trunk.branch("t/core", CORE_2)
    at = trunk.at("main")
    with monkeypatch.context() as patch:
        patch.setattr(landing, "unpin", leave_pins)
        die_at(monkeypatch, trunk, module, name)
    assert (trunk.at("main") != at) is has_moved
    assert "half-landed" in ailments(trunk)

    report = trunk.land()

    assert report.outcomes[0].kind == ("nothing" if has_moved else "landed")
    assert trunk.clean()
    assert (trunk.top / "core/n.py").exists()
    assert not git(trunk.top, "for-each-ref", "refs/guild")
    assert ailments(trunk) == []


def test_git_killed_while_it_deletes_a_reference_keeps_nobody_from_that(
    trunk: Trunk, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk.branch("t/core", CORE_2)
    with monkeypatch.context() as patch:
        patch.setattr(landing, "unpin", leave_pins)
        die_at(monkeypatch, trunk, publishing, "synchronise")
    (trunk.journal.place.work / "dead").mkdir()
    left = [trunk.top / ".git" / name for name in ("packed-refs.lock", "packed-refs.new")]
    git(trunk.top, "pack-refs", "--all")
    for file in left:
        file.touch()

    trunk.land()

    assert not git(trunk.top, "for-each-ref", "refs/guild")
    assert not [file for file in left if file.exists()]


@pytest.mark.parametrize("content", ["", "0" * 40 + "\n"])
def test_git_killed_while_it_writes_a_note_keeps_nobody_from_writing_it(
    trunk: Trunk, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    trunk.branch("t/core", CORE_2)
    die_at(monkeypatch, trunk, publishing, "write_note")
    lock = trunk.top / ".git/refs/notes/guild.lock"
    lock.parent.mkdir()
    lock.write_text(content)

    trunk.land()

    assert not lock.exists()
    assert list(read_notes(trunk.top, [trunk.at("main")])) == [trunk.at("main")]


@pytest.mark.parametrize("left", ["nothing", "a folder", "a link", "a file"])
def test_a_work_tree_that_git_does_not_know_of_yet_is_removed_unless_something_is_in_it(
    trunk: Trunk, tmp_path: Path, left: str
) -> None:
    folder = tmp_path / "repo.guild/.landing/landing-dead-0"
    draft = trunk.journal.place.work / "dead/admin-draft-0"
    for one in (draft, folder.parent if left == "nothing" else folder):
        one.mkdir(parents=True)
    (draft / "gitdir").write_text(f"{folder}/.git\n")
    if left == "a link":
        (folder / ".git").write_text(f"gitdir: {trunk.top}/.git/worktrees/landing-dead-0\n")
    if left == "a file":
        (folder / "mine").touch()
    trunk.branch("t/core", CORE_2)

    trunk.land()

    assert (tmp_path / "repo.guild").exists() is (left == "a file")


def test_the_doctor_completes_it_as_well_and_twice_is_harmless(
    trunk: Trunk, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk.branch("t/core", CORE_2)
    die_at(monkeypatch, trunk, publishing, "synchronise")
    assert not trunk.clean()

    for _ in range(2):
        for ailment in examine(trunk.repository):
            assert ailment.repair is not None
            ailment.repair()

    assert trunk.clean()
    assert ailments(trunk) == []


@pytest.mark.parametrize("left", ["whole", "part", "gone"])
def test_files_that_a_dead_process_wrote_are_finished(
    trunk: Trunk, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    trunk.branch("t/core", CORE_2)
    die_at(monkeypatch, trunk, publishing, "synchronise")
    file = trunk.top / "core/a.py"
    whole = CORE_2["core/a.py"]
    file.write_text(whole if left == "whole" else whole[:7])
    if left == "gone":
        file.unlink()

    trunk.land()

    assert trunk.clean()
    assert file.read_text() == whole


def test_what_somebody_wrote_after_the_death_is_kept(
    trunk: Trunk, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk.branch("t/core", CORE_2)
    die_at(monkeypatch, trunk, publishing, "synchronise")
    (trunk.top / "core/a.py").write_text("mine\n")

    report = trunk.land()

    (tree,) = report.work_trees
    assert tree.trouble is not None
    assert (trunk.top / "core/a.py").read_text() == "mine\n"


def test_settling_with_nothing_to_settle_writes_nothing(trunk: Trunk) -> None:
    trunk.branch("t/core", CORE_2)
    trunk.land()
    before = trunk.journal.check()
    assert settling.settle_landings(trunk.repository, Leases(trunk.journal)) == []
    assert trunk.journal.check() == before


def test_a_landing_onto_a_branch_that_no_work_tree_has(trunk: Trunk, tmp_path: Path) -> None:
    git(trunk.top, "switch", "-q", "--detach")
    trunk.branch("t/core", CORE_2)
    git(trunk.top, "switch", "-q", "--detach")
    assert trunk.outcome("t/core").kind == "landed"
    shutil.rmtree(tmp_path / "home", ignore_errors=True)
