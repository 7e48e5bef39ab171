"""Conflicts about whole files in merges of trees: what is settled, and what is told of the rest."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from guild_plugins.delivery.trees import NotMergeable, TreeMerge, merge_trees
from tests.delivery.conftest import Repo

TEXT = "".join(f"def f{number}():\n    return {number}\n\n\n" for number in range(9))
CHANGED = TEXT.replace("return 3", "return 33")


def merged(repo: Repo) -> TreeMerge:
    return merge_trees(repo.top, "main", "topic")


def names(repo: Repo, merge: TreeMerge) -> list[str]:
    return repo.git("ls-tree", "-r", "-z", "--name-only", merge.tree).split("\0")[:-1]


def fork(repo: Repo, base: dict[str, str], ours: list[list[str]], theirs: list[list[str]]) -> None:
    """Commit a base; ours and theirs are ``rm``, ``mv`` and ``write`` of files."""
    repo.commit(base)
    repo.git("checkout", "-qb", "topic")
    for branch, steps in (("topic", theirs), ("main", ours)):
        repo.git("checkout", "-q", branch)
        for step, *args in steps:
            if step == "write":
                path = repo.top / args[0]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(args[1])
            elif step == "mv":
                (repo.top / args[1]).parent.mkdir(parents=True, exist_ok=True)
                repo.git("mv", "--", *args)
            else:
                repo.git(step, "-q", *args)
        repo.git("add", "-A")
        repo.git("commit", "-qm", branch)


def test_a_removed_file_that_was_only_laid_out_anew_is_gone(repo: Repo) -> None:
    fork(
        repo,
        {"d/a.py": "x = f(1, 2)\n", "keep": ""},
        [["rm", "d/a.py"]],
        [["write", "d/a.py", "x = f(\n    1,\n    2,\n)\n"]],
    )

    merge = merged(repo)

    assert merge.is_clean
    assert [(each.rule.name, each.paths) for each in merge.settled] == [
        ("removed-same", ("d/a.py",))
    ]
    assert names(repo, merge) == ["keep"]


def test_a_change_to_a_removed_file_stays_open_and_has_its_versions(repo: Repo) -> None:
    fork(repo, {"a.py": TEXT}, [["rm", "a.py"], ["write", "b", ""]], [["write", "a.py", CHANGED]])

    merge = merged(repo)

    (conflict,) = merge.conflicts
    assert (conflict.kind, conflict.paths) == ("CONFLICT (modify/delete)", ("a.py",))
    assert [(path, side) for path, side, _ in conflict.stages] == [("a.py", 1), ("a.py", 3)]
    assert conflict.reason.startswith("people differ")
    assert conflict.proposal is not None
    assert conflict.proposal.rule.name == "removed"
    assert repo.git("show", f"{merge.tree}:a.py") == CHANGED


def test_a_change_to_a_file_whose_lines_went_elsewhere_is_proposed_there(repo: Repo) -> None:
    fork(
        repo,
        {"a.py": TEXT, "b.py": "import os\n" + "# b\n" * 60},
        [["rm", "a.py"], ["write", "b.py", "import os\n" + "# b\n" * 60 + "\n\n" + TEXT]],
        [["write", "a.py", CHANGED]],
    )

    (conflict,) = merged(repo).conflicts

    assert conflict.proposal is not None
    assert conflict.proposal.rule.name == "removed-moved"
    assert b"return 33" in (conflict.proposal.changes["b.py"] or b"")


def test_a_file_renamed_within_a_directory_that_was_renamed_is_in_both_new_places(
    repo: Repo,
) -> None:
    others = {f"old/{name}": f"{name}\n" * 9 for name in "xyz"}
    fork(
        repo,
        {"old/a.py": TEXT, **others},
        [["mv", "old", "new"]],
        [["mv", "old/a.py", "old/renamed.py"]],
    )

    merge = merged(repo)

    assert merge.is_clean
    assert [settled.rule.name for settled in merge.settled] == ["renamed-moved"]
    assert names(repo, merge) == ["new/renamed.py", "new/x", "new/y", "new/z"]


def test_a_file_added_to_a_directory_that_was_renamed_stays_open(repo: Repo) -> None:
    others = {f"old/{name}": f"{name}\n" * 9 for name in "xyz"}
    fork(repo, others, [["mv", "old", "new"]], [["write", "old/more.py", TEXT]])

    (conflict,) = merged(repo).conflicts

    assert conflict.kind == "CONFLICT (directory rename suggested)"
    assert "its directory was renamed" in conflict.reason


def test_a_mode_that_one_side_set_stays_where_both_added_the_file(repo: Repo) -> None:
    repo.commit({"x": ""})
    repo.git("checkout", "-qb", "topic")
    (repo.top / "run").write_text("#!/bin/sh\n")
    (repo.top / "run").chmod(0o755)
    repo.commit({})
    repo.git("checkout", "-q", "main")
    repo.commit({"run": "#!/bin/sh\n"})

    merge = merged(repo)

    assert merge.is_clean
    assert repo.git("ls-tree", merge.tree, "run").startswith("100755")


def test_what_cannot_be_settled_says_why(repo: Repo) -> None:
    fork(
        repo,
        {"a.py": TEXT, "f": "1\n", "l": "x\n"},
        [["mv", "a.py", "ours.py"], ["write", "f", "2\n"]],
        [["mv", "a.py", "theirs.py"], ["rm", "f"], ["write", "f/g", "3\n"]],
    )

    found = {conflict.kind: conflict.reason for conflict in merged(repo).conflicts}

    assert found["CONFLICT (rename/rename)"] == "each side renamed it to another place"
    assert (
        "one side has a file where the other has a directory"
        in (found["CONFLICT (file/directory)"])
    )


def test_names_of_any_bytes_are_settled(repo: Repo) -> None:
    odd = "-d\n'\" \udcff/a b.md"
    fork(
        repo,
        {odd: "one two\nthree\n", "keep": ""},
        [["rm", "--", odd]],
        [["write", odd, "one\ntwo three\n"]],
    )

    merge = merged(repo)

    assert merge.is_clean
    assert names(repo, merge) == ["keep"]


def test_a_rule_that_is_switched_off_settles_nothing(repo: Repo) -> None:
    fork(repo, {"a": "1 2\n", "b": ""}, [["rm", "a"]], [["write", "a", "1  2\n"]])

    merge = merge_trees(repo.top, "main", "topic", frozenset(["removed-same", "removed"]))

    assert [conflict.reason for conflict in merge.conflicts] == ["the rule for it is switched off"]


def test_histories_that_share_nothing_are_no_merge(repo: Repo) -> None:
    repo.commit({"a": "1\n"})
    repo.git("checkout", "-q", "--orphan", "topic")
    repo.commit({"a": "2\n"})

    with pytest.raises(NotMergeable):
        merged(repo)


def test_the_command_tells_kinds_reasons_versions_and_proposals(repo: Repo) -> None:
    fork(repo, {"a.py": TEXT}, [["rm", "a.py"], ["write", "b", ""]], [["write", "a.py", CHANGED]])
    run = [sys.executable, "-m", "guild_plugins.start", "merge-tree", "--json", "main", "topic"]

    done = subprocess.run(run, cwd=repo.top, env=repo.env, capture_output=True, text=True)

    (conflict,) = json.loads(done.stdout)["conflicts"]
    assert done.returncode == 1
    assert conflict["kind"] == "CONFLICT (modify/delete)"
    assert conflict["proposed"]["rule"] == "removed"
    assert [stage["stage"] for stage in conflict["stages"]] == [1, 3]
    assert conflict["stages"][0]["mode"] == "100644"
