from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from guild_plugins.git.new_objects import NewObjects
from guild_plugins.git.objects import GitObjects
from guild_plugins.git.tree_merging import Version, change_tree
from tests.git.repos import git, make

CONTENTS = [b"", b"x", b"y" * 15, b"z" * 16, bytes(range(256)) * 9, b"long\n" * 300_000]


@pytest.mark.parametrize("kind", ["sha1", "sha256"])
def test_many_objects_are_written_at_once_under_the_names_that_git_gives(
    tmp_path: Path, kind: str
) -> None:
    top = make(tmp_path / "repo", {"a/b/c.txt": "c", "a/d.txt": "d"}, f"--object-format={kind}").top
    before = git(top, "rev-parse", "HEAD^{tree}").strip()
    objects, new = GitObjects(top), NewObjects(before)

    oids = [new.add("blob", content) for content in CONTENTS]
    changes = {
        "a/b/c.txt": None,
        "e/f": Version("100755", oids[1]),
        "g": Version("100644", oids[4]),
    }
    tree = change_tree(new, objects.read_tree, before, changes)
    new.write(top)

    assert dict(objects.read(oids)) == dict(zip(oids, CONTENTS, strict=True))
    objects.close()
    assert git(top, "ls-tree", "-r", "--name-only", tree).split() == ["a/d.txt", "e/f", "g"]
    git(top, "fsck", "--strict", "--no-dangling")


def test_what_is_there_already_can_be_written_again(tmp_path: Path) -> None:
    top = make(tmp_path / "repo", {"a": "old\n"}).top
    new = NewObjects(git(top, "rev-parse", "HEAD").strip())
    oid = new.add("blob", b"old\n")

    new.write(top)

    assert oid == git(top, "rev-parse", "HEAD:a").strip()
    assert subprocess.run(["git", "fsck", "--full"], cwd=top, check=False).returncode == 0
