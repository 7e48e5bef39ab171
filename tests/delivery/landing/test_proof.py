"""What is landed is what was tested, and holds the branch's change and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from guild_plugins.delivery.landing import joining
from guild_plugins.delivery.landing.history import History
from guild_plugins.delivery.landing.merging import Merged, merge_branch
from guild_plugins.delivery.landing.notes import REF
from guild_plugins.delivery.landing.proof import problems_of
from guild_plugins.delivery.landing.publishing import NotProven
from guild_plugins.delivery.landing.trail import Landing, landings_in
from guild_plugins.delivery.landing.verifying import verify
from guild_plugins.delivery.trees import TreeMerge
from guild_plugins.git.changes import compare
from guild_plugins.git.snapshots import UnknownRevision
from guild_plugins.git.trees import MemoryTree
from tests.delivery.landing.repos import FILES, Tests, Trunk
from tests.git.user import git

CORE_2 = {"core/a.py": "def f():\n    return 2\n"}
LINES = FILES["doc/text"]


# -- the rules, on contents alone ----------------------------------------------


def problems(
    base: Mapping[str, str],
    trunk: Mapping[str, str],
    branch: Mapping[str, str],
    now: Mapping[str, str],
) -> list[str]:
    trees = [
        MemoryTree({path: text.encode() for path, text in files.items()})
        for files in (base, trunk, branch, now)
    ]
    blobs = {
        oid: content
        for tree in trees
        for oid, content in tree.read([entry.oid for entry in tree.entries.values()])
    }
    old, was, wanted, landed = (tree.entries for tree in trees)
    changes = compare(old, wanted), compare(old, was), compare(was, landed)
    return [text.partition(": ")[2] for text in problems_of(*changes, blobs.get)]


A, B, C = "a\nb\nc\n", "a\nB\nc\n", "a\nb\nC\n"
LONG = "".join(f"line {number}\n" for number in range(9))


def test_a_branchs_change_and_nothing_else_is_right() -> None:
    assert problems({"p": A, "q": A}, {"p": A, "q": B}, {"p": C, "q": A}, {"p": C, "q": B}) == []


def test_a_path_of_trunk_that_is_as_before_again_is_found() -> None:
    found = problems({"p": A, "q": A}, {"p": A, "q": B}, {"p": C, "q": A}, {"p": C, "q": A})
    assert found == ["is not part of the branch's change, and differs from what trunk had"]


def test_lines_of_trunk_in_a_file_that_the_branch_changed_too_are_not_lost() -> None:
    base, trunk, branch = LONG, LONG.replace("line 1\n", "l 1\n"), LONG.replace("line 7\n", "l 7\n")
    merged = trunk.replace("line 7\n", "l 7\n")
    assert problems({"p": base}, {"p": trunk}, {"p": branch}, {"p": merged}) == []
    (found,) = problems({"p": base}, {"p": trunk}, {"p": branch}, {"p": branch})
    assert "loses lines" in found


def test_what_rules_made_of_both_sides_is_right() -> None:
    base = "import os\n\n\ndef f():\n    return os\n"
    ours, theirs = (base.replace("os\n\n", f"os\nimport {name}\n\n", 1) for name in ("re", "sys"))
    both = base.replace("os\n\n", "os\nimport re\nimport sys\n\n", 1)
    assert problems({"p.py": base}, {"p.py": ours}, {"p.py": theirs}, {"p.py": both}) == []


def test_a_file_that_both_added_has_what_both_added() -> None:
    ours, theirs = "import re\n", "import sys\n"
    assert problems({}, {"p.py": ours}, {"p.py": theirs}, {"p.py": ours + theirs}) == []
    assert problems({}, {"p.py": ours}, {"p.py": theirs}, {"p.py": theirs}) != []


def test_a_part_of_the_branchs_change_that_did_not_arrive_is_found() -> None:
    found = problems({"p": A, "q": A}, {"p": A, "q": A}, {"p": B, "q": B}, {"p": B, "q": A})
    assert found == ["the branch's change of it has not arrived"]


def test_what_trunk_did_as_well_need_not_arrive() -> None:
    assert problems({"p": A, "q": A}, {"p": A, "q": B}, {"p": B, "q": B}, {"p": B, "q": B}) == []


@pytest.mark.parametrize("renames", ["trunk", "branch"])
def test_a_file_that_got_another_name_keeps_both_changes(renames: str) -> None:
    mine, its = LONG.replace("line 7\n", "l 7\n"), LONG.replace("line 1\n", "l 1\n")
    both = mine.replace("line 1\n", "l 1\n")
    trunk = {"new" if renames == "trunk" else "old": its}
    branch = {"new" if renames == "branch" else "old": mine}
    assert problems({"old": LONG}, trunk, branch, {"new": both}) == []
    assert problems({"old": LONG}, trunk, branch, {"new": mine}) != []


def test_what_trunk_removed_does_not_come_back() -> None:
    assert problems({"p": A}, {}, {"p": B}, {"p": B}) == ["is back, and trunk had removed it"]


def test_what_trunk_changed_is_not_removed() -> None:
    (found,) = problems({"p": A}, {"p": B}, {}, {})
    assert "is gone" in found


# -- where a branch began ------------------------------------------------------


def landed(commit: str, parent: str, tip: str) -> Landing:
    return Landing(commit, (parent,), "tree", "s", "t", tip, "tree", None)


def test_a_branch_begins_where_it_parted_or_where_it_landed_last() -> None:
    """Trunk is 0-1-2-3; p parted at 0 and landed as 1, q goes on from p, r parted at 1."""
    parents = {
        "1": ("0",),
        "2": ("1",),
        "3": ("2",),
        "p": ("0",),
        "q": ("p",),
        "r": ("1",),
    }
    trail = [landed("1", "0", "p"), landed("2", "1", "q"), landed("3", "2", "r")]
    history = History(parents, {})
    assert [base for _, base in history.bases(trail)] == [("0",), ("p",), ("1",)]


# -- landing -------------------------------------------------------------------


def merge_from_a_wrong_base(top: object, head: str, tip: str) -> Merged:
    """Merge as the service of April 2026 did: trunk counts as what the branch began at."""
    right = merge_branch(top, head, tip)  # type: ignore[arg-type]
    tree = git(top, "rev-parse", f"{tip}^{{tree}}").decode()  # type: ignore[arg-type]
    return Merged(head, tip, right.base, TreeMerge(tree, (), ()))


def test_a_merge_that_takes_back_an_earlier_landing_is_refused(
    trunk: Trunk, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk.branch("t/core", CORE_2)
    trunk.branch("t/web", {"web/h.py": "H = 1\n"})
    trunk.land("t/core")
    at, test = trunk.at("main"), Tests()
    monkeypatch.setattr(joining, "merge_branch", merge_from_a_wrong_base)

    outcome = trunk.outcome("t/web", test=test)

    assert outcome.kind == "proof"
    assert outcome.details == (
        "core/a.py: is not part of the branch's change, and differs from what trunk had",
    )
    assert (trunk.at("main"), test.asked) == (at, [])


def test_a_tree_that_is_altered_after_its_test_is_not_published(
    trunk: Trunk, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk.branch("t/core", CORE_2)
    other = trunk.at("main^{tree}")
    write, at = joining.write_landing, trunk.at("main")

    def alter(*args: object) -> str:
        commit = write(*args)  # type: ignore[arg-type]
        message = git(trunk.top, "log", "-1", "--format=%B", commit)
        return git(trunk.top, "commit-tree", "-p", at, other, input=message).decode()

    monkeypatch.setattr(joining, "write_landing", alter)

    with pytest.raises(NotProven):
        trunk.land()

    assert trunk.at("main") == at


# -- from outside --------------------------------------------------------------


def three_landings(trunk: Trunk) -> None:
    trunk.branch("t/core", CORE_2)
    trunk.branch("t/doc", {"doc/text": LINES.replace("line 1\n", "one\n")})
    trunk.land()
    trunk.branch("t/doc", {"doc/text": LINES.replace("line 1\n", "one\n") + "more\n"})
    trunk.write({"doc/text": LINES.replace("line 1\n", "one\n").replace("line 5\n", "five\n")})
    trunk.commit("by hand")
    trunk.land()


def found(trunk: Trunk, span: str = "main") -> list[tuple[str, ...]]:
    return [one.problems for one in verify(trunk.repository, span, trunk.journal)]


def test_landings_are_verified_from_outside(trunk: Trunk) -> None:
    three_landings(trunk)
    checked = verify(trunk.repository, "main")
    assert [(one.landing.scope, one.problems, one.unchecked) for one in checked] == [
        ("core", (), ()),
        ("doc", (), ()),
        ("doc", (), ()),
    ]
    assert len(found(trunk, "main~1..main")) == 1


def rewrite(trunk: Trunk, files: dict[str, str | None], *, says: bool = False) -> None:
    """Replace trunk's last landing by one with another tree."""
    (last, *_) = landings_in(trunk.top, ["main"])
    trunk.write(files)
    git(trunk.top, "add", "-A")
    tree = git(trunk.top, "write-tree").decode()
    message = git(trunk.top, "log", "-1", "--format=%B", last.commit).decode()
    if says:
        message = message.replace(last.tested, tree)
    commit = git(
        trunk.top, "commit-tree", "-p", last.parents[0], tree, input=message.encode()
    ).decode()
    git(trunk.top, "update-ref", "refs/heads/main", commit)


def test_another_tree_than_the_tested_one_is_found(trunk: Trunk) -> None:
    three_landings(trunk)
    rewrite(trunk, {"doc/text": "other\n"})
    (_, _, last) = found(trunk)
    assert last[0].endswith("was tested")


def test_an_earlier_landing_that_was_undone_is_found(trunk: Trunk) -> None:
    three_landings(trunk)
    rewrite(trunk, {"core/a.py": FILES["core/a.py"]}, says=True)
    assert found(trunk)[2] == (
        "core/a.py: is not part of the branch's change, and differs from what trunk had",
    )


def test_a_hand_made_line_that_a_landing_lost_is_found(trunk: Trunk) -> None:
    three_landings(trunk)
    rewrite(trunk, {"doc/text": LINES.replace("line 1\n", "one\n") + "more\n"}, says=True)
    (_, _, (text,)) = found(trunk)
    assert text.startswith("doc/text: loses lines")


def test_notes_tell_when_branches_are_gone(trunk: Trunk) -> None:
    three_landings(trunk)
    git(trunk.top, "branch", "-D", "guild/t/core", "guild/t/doc")
    git(trunk.top, "reflog", "expire", "--expire=now", "--all")
    git(trunk.top, "gc", "-q", "--prune=now")
    assert found(trunk) == [(), (), ()]
    assert not any(one.unchecked for one in verify(trunk.repository, "main"))

    git(trunk.top, "update-ref", "-d", REF)
    assert [bool(one.unchecked) for one in verify(trunk.repository, "main")] == [True] * 3


def test_a_range_that_is_not_there_is_told(trunk: Trunk) -> None:
    with pytest.raises(UnknownRevision):
        verify(trunk.repository, "nowhere..main")
