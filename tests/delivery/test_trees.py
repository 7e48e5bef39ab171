"""Merges of whole trees, against the merges of git."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from guild_plugins.delivery.trees import SEMANTIC, NotMergeable, merge_trees
from tests.delivery.conftest import Repo

CODE = "import os\n\n\ndef a():\n    return os.path\n"


def test_contents_that_the_rules_settle_are_in_the_tree(repo: Repo) -> None:
    repo.fork(
        {"d/m.py": CODE, "same": "x\n"},
        {"d/m.py": CODE.replace("os\n\n", "os\nimport re\n\n", 1)},
        {"d/m.py": CODE.replace("os\n\n", "os\nimport sys\n\n", 1), "new": "n\n"},
    )

    merge = merge_trees(repo.top, "main", "topic")

    assert merge.is_clean
    assert "import re\nimport sys\n" in repo.git("show", f"{merge.tree}:d/m.py")
    assert repo.git("ls-tree", "-r", "--name-only", merge.tree).split() == ["d/m.py", "new", "same"]


@pytest.mark.parametrize(
    ("answer", "is_clean", "reason"),
    [
        (b"x = 9\n", True, ""),
        ("ask Ann", False, "ask Ann"),
        (b"<<<<<<< a\n>>>>>>> b\n", False, "a merger returned conflict markers"),
        (None, False, "both sides changed this and no rule applies"),
    ],
)
def test_who_is_asked_first_decides(
    answer: bytes | str | None, is_clean: bool, reason: str, repo: Repo
) -> None:
    asked = []
    repo.fork({"a.py": "x = 1\n", "b": "1"}, {"a.py": "x = 2\n"}, {"a.py": "x = 3\n", "b": "2"})

    found = merge_trees(repo.top, "main", "topic", ask=lambda *texts: asked.append(texts) or answer)

    assert asked == [("a.py", b"x = 1\n", b"x = 2\n", b"x = 3\n")]
    assert found.is_clean is is_clean
    assert [conflict.reason for conflict in found.conflicts] == [reason] * (not is_clean)
    text = repo.git("show", f"{found.tree}:a.py")
    assert text == "x = 9\n" if is_clean else text.startswith("<<<<<<< main\n")


def test_a_merge_without_conflicts_is_that_of_git(repo: Repo) -> None:
    repo.fork({"a": "1\n"}, {"b": "2\n"}, {"c": "3\n"})

    merge = merge_trees(repo.top, "main", "topic")

    by_git = repo.git("merge-tree", "--write-tree", "main", "topic").strip()
    assert (merge.tree, merge.is_clean, merge.files) == (by_git, True, ())


def test_a_file_that_moved_is_merged_where_it_went(repo: Repo) -> None:
    long = CODE + "".join(f"x{number} = {number}\n" for number in range(20))
    repo.commit({"old.py": long})
    repo.git("checkout", "-qb", "topic")
    repo.commit({"old.py": long.replace("os\n\n", "os\nimport sys\n\n", 1)})
    repo.git("checkout", "-q", "main")
    repo.git("mv", "old.py", "new.py")
    repo.commit({"new.py": long.replace("os\n\n", "os\nimport re\n\n", 1)})

    merge = merge_trees(repo.top, "main", "topic")

    assert merge.is_clean
    assert [file.path for file in merge.files] == ["new.py"]


def test_a_file_that_one_side_removed_and_the_other_changed_is_told(repo: Repo) -> None:
    repo.fork({"a": "1\n", "b": "x\n"}, {"a": "2\n"}, {"b": "y\n"})
    repo.git("checkout", "-q", "topic")
    repo.git("rm", "-q", "a")
    repo.git("commit", "-qm", "remove")
    repo.git("checkout", "-q", "main")

    merge = merge_trees(repo.top, "main", "topic")

    assert not merge.is_clean
    assert [(found.kind, found.paths) for found in merge.conflicts] == [
        ("CONFLICT (modify/delete)", ("a",))
    ]


def test_a_name_that_is_no_commit_is_an_error(repo: Repo) -> None:
    repo.commit({"a": "1\n"})

    with pytest.raises(NotMergeable):
        merge_trees(repo.top, "main", "--no-such")


def test_the_command_explains_each_place(repo: Repo) -> None:
    repo.fork({"a.txt": "1\n"}, {"a.txt": "<b>2\n"}, {"a.txt": "3\n"})
    run = [sys.executable, "-m", "guild_plugins.start", "merge"]

    shown = subprocess.run(
        [*run, "--explain", "--html", "why.html", "main", "topic"],
        cwd=repo.top,
        env=repo.env,
        capture_output=True,
        text=True,
    )
    data = subprocess.run(
        [*run, "--json", "main", "topic"],
        cwd=repo.top,
        env=repo.env,
        capture_output=True,
        text=True,
    )

    assert shown.returncode == data.returncode == 1
    assert "line 1: open: both sides changed this and no rule applies" in shown.stdout
    assert "&lt;b&gt;2" in repo.text("why.html")
    assert json.loads(data.stdout)["files"][0]["path"] == "a.txt"


def test_merge_file_prints_and_counts_what_is_open(repo: Repo) -> None:
    for name, text in (("o", "1\n"), ("a", "2\n"), ("b", "3\n")):
        (repo.top / name).write_text(text)

    done = subprocess.run(
        [sys.executable, "-m", "guild_plugins.start", "merge-file", "-p", "a", "o", "b"],
        cwd=repo.top,
        env=repo.env,
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stdout) == (1, "<<<<<<< a\n2\n=======\n3\n>>>>>>> b\n")


LIBRARY = {
    "lib/__init__.py": "",
    "lib/m.py": "def old():\n    return 1\n\n\ndef kept():\n    pass\n",
}
RENAMED = {"lib/m.py": LIBRARY["lib/m.py"].replace("old", "new")}


@pytest.mark.parametrize(
    "use",
    [
        "from lib.m import old\n\nold()\n",
        "import lib.m\n\nlib.m.old()\n",
        "import lib.m as it\n\nit.old()\n",
        "from lib import m\n\nm.old()\n",
    ],
)
def test_a_call_of_what_the_other_side_renamed_is_told(use: str, repo: Repo) -> None:
    repo.fork(LIBRARY, RENAMED, {"app.py": use})

    merge = merge_trees(repo.top, "main", "topic")

    assert not merge.is_clean
    assert [(found.kind, found.paths) for found in merge.conflicts] == [
        (SEMANTIC, ("app.py", "lib/m.py"))
    ]


@pytest.mark.parametrize(
    "use",
    [
        "from lib.m import kept\n\nkept()\n",
        "from other.m import old\n\nold()\n",
        "try:\n    from lib.m import old\nexcept ImportError:\n    old = None\n",
        "old = 1\nprint(old)\n",
    ],
)
def test_other_uses_are_no_collision(use: str, repo: Repo) -> None:
    repo.fork(LIBRARY, RENAMED, {"app.py": use})

    assert merge_trees(repo.top, "main", "topic").is_clean


def test_a_name_that_is_still_imported_into_its_module_is_no_collision(repo: Repo) -> None:
    moved = {"lib/n.py": LIBRARY["lib/m.py"], "lib/m.py": "from lib.n import kept, old\n"}
    repo.fork(LIBRARY, moved, {"app.py": "from lib.m import old\n"})

    assert merge_trees(repo.top, "main", "topic").is_clean
