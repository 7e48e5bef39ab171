from __future__ import annotations

import os
from pathlib import Path

import pytest

from guild_plugins.git.changes import Change, compare, staged_changes, tree_changes
from guild_plugins.git.libgit import LibgitObjects, reason_against
from guild_plugins.git.listing import Listing
from guild_plugins.git.objects import GitObjects
from guild_plugins.git.process import GitFailed
from guild_plugins.git.repository import Repository
from guild_plugins.git.snapshots import (
    UnknownRevision,
    handed_index,
    index_tree,
    revision_tree,
    tree_id,
    work_tree,
)
from guild_plugins.git.trees import Entry, MemoryTree, Tree, hash_blob, read_path
from tests.git.repos import commit, git, make, write

STRANGE = {
    "plain.py": "x = 1\n",
    "empty.py": "",
    "-dash": "d",
    "with space/and\nnewline.py": "n",
    os.fsdecode(b"no-utf8-\xff.py"): b"\xff\0\n",
    "a/b.py": "ab",
    "a-b.py": "a-b",
    "a.py": "a",
}


@pytest.fixture(params=["sha1", "sha256"])
def repo(request: pytest.FixtureRequest, tmp_path: Path) -> Repository:
    return make(tmp_path / "repo", STRANGE, f"--object-format={request.param}")


def contents(tree: Tree) -> dict[str, bytes]:
    by_oid = dict(tree.read(sorted({entry.oid for entry in tree.entries.values()})))
    return {path: by_oid[entry.oid] for path, entry in tree.entries.items() if entry.oid in by_oid}


def expected() -> dict[str, bytes]:
    return {k: v if isinstance(v, bytes) else v.encode() for k, v in STRANGE.items()}


def test_a_commit_the_index_and_the_work_tree_show_the_same_files(repo: Repository) -> None:
    trees: list[Tree] = [revision_tree(repo, "HEAD"), index_tree(repo), work_tree(repo)]

    assert [contents(tree) for tree in trees] == [expected()] * 3
    assert [dict(tree.entries) for tree in trees] == [dict(trees[0].entries)] * 3


def test_content_in_memory_has_the_ids_that_git_gives(repo: Repository) -> None:
    stored = revision_tree(repo, "HEAD").entries
    algorithm = "sha256" if len(stored["a.py"].oid) == 64 else "sha1"

    memory = MemoryTree(expected(), algorithm)

    assert memory.entries == dict(stored)
    assert contents(memory) == expected()


def test_each_tree_shows_its_own_half_of_a_partly_staged_file(repo: Repository) -> None:
    write(repo.top, {"a.py": "staged"})
    git(repo.top, "add", "a.py")
    write(repo.top, {"a.py": "not staged", "new.py": "new"})

    assert read_path(revision_tree(repo, "HEAD"), "a.py") == b"a"
    assert read_path(index_tree(repo), "a.py") == b"staged"
    assert read_path(work_tree(repo), "a.py") == b"not staged"
    assert "new.py" not in index_tree(repo).entries
    assert read_path(work_tree(repo), "new.py") == b"new"


def test_deleted_and_ignored_files_are_not_in_the_work_tree(repo: Repository) -> None:
    write(repo.top, {".gitignore": "*.log\n", "x.log": "x"})
    (repo.top / "a.py").unlink()
    git(repo.top, "rm", "-q", "--cached", "a-b.py")

    entries = work_tree(repo).entries

    assert "a.py" not in entries
    assert "x.log" not in entries
    assert "a-b.py" in entries
    assert "a-b.py" not in index_tree(repo).entries


def test_links_modes_and_submodules_are_told_apart(tmp_path: Path) -> None:
    inner = make(tmp_path / "inner", {"i.py": "i"})
    repo = make(tmp_path / "repo", {"a.py": "a"})
    git(repo.top, "submodule", "--quiet", "add", str(inner.top), "sub")
    (repo.top / "link").symlink_to("a.py")
    (repo.top / "a.py").chmod(0o755)
    commit(repo.top)
    (repo.top / "other").symlink_to("nowhere")
    write(repo.top, {"sub/i.py": "changed"})

    stored, lying = revision_tree(repo, "HEAD"), work_tree(repo)

    kinds = {path: oct(entry.mode) for path, entry in stored.entries.items()}
    assert kinds["sub"] == "0o160000"
    assert (kinds["link"], kinds["a.py"]) == ("0o120000", "0o100755")
    assert read_path(lying, "other") == b"nowhere"
    assert read_path(stored, "sub") is None
    assert {p: e for p, e in lying.entries.items() if p != "other"} == dict(stored.entries)


def test_a_pipe_in_place_of_a_file_is_no_file(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo", {"a.py": "a"})
    (repo.top / "a.py").unlink()
    os.mkfifo(repo.top / "a.py")

    assert "a.py" not in work_tree(repo).entries


def test_a_file_that_changes_after_it_was_listed_is_not_read(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo", {"a.py": "a"})
    write(repo.top, {"a.py": "before"})
    tree = work_tree(repo)

    write(repo.top, {"a.py": "after!"})

    assert read_path(tree, "a.py") is None


def test_what_is_only_meant_to_be_added_is_not_in_the_index(repo: Repository) -> None:
    write(repo.top, {"meant.py": "m", "empty_too.py": ""})
    git(repo.top, "add", "empty_too.py")
    git(repo.top, "add", "-N", "meant.py")

    index = index_tree(repo)

    assert "meant.py" not in index.entries
    assert "empty_too.py" in index.entries
    assert index.entries.get("meant.py") is None
    assert read_path(work_tree(repo), "meant.py") == b"m"


def test_an_unmerged_path_is_ours(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo", {"a.py": "base"})
    git(repo.top, "checkout", "-q", "-b", "theirs")
    write(repo.top, {"a.py": "theirs"})
    commit(repo.top)
    git(repo.top, "checkout", "-q", "main")
    write(repo.top, {"a.py": "ours"})
    commit(repo.top)
    with pytest.raises(Exception, match="merge"):
        git(repo.top, "merge", "-q", "theirs")

    index = index_tree(repo)

    assert read_path(index, "a.py") == b"ours"
    assert len(index.entries) == 1
    assert (read_path(work_tree(repo), "a.py") or b"").startswith(b"<<<<<<<")


def test_the_index_that_git_hands_to_a_hook_is_the_one_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = make(tmp_path / "repo", {"a.py": "a", "b.py": "b"})
    other = make(tmp_path / "other", {})
    hook = repo.top / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\nprintf %s "$GIT_INDEX_FILE" > seen; cp "$GIT_INDEX_FILE" kept\n')
    hook.chmod(0o755)
    write(repo.top, {"a.py": "a2", "b.py": "b2"})
    git(repo.top, "add", "a.py")
    git(repo.top, "commit", "-q", "-m", "one path", "--", "b.py")
    assert "next-index" in (repo.top / "seen").read_text()
    monkeypatch.chdir(repo.top)

    handed = handed_index(repo, {"GIT_INDEX_FILE": "kept"})

    assert read_path(index_tree(repo, handed), "a.py") == b"a"
    assert read_path(index_tree(repo, handed), "b.py") == b"b2"
    assert read_path(index_tree(repo), "a.py") == b"a2"
    assert handed_index(other, {"GIT_INDEX_FILE": "kept"}) is None


def test_changes_are_told_path_by_path(repo: Repository) -> None:
    before = tree_id(repo, "HEAD")
    write(repo.top, {"a.py": "a2", "new.py": "n"})
    git(repo.top, "mv", "plain.py", "moved.py")
    git(repo.top, "add", "-A")

    staged = staged_changes(repo)
    commit(repo.top)
    after = tree_id(repo, "HEAD")

    kinds = {c.path: (c.before is not None, c.after is not None) for c in staged}
    assert kinds == {
        "a.py": (True, True),
        "new.py": (False, True),
        "plain.py": (True, False),
        "moved.py": (False, True),
    }
    assert tree_changes(repo, before, after) == staged
    listed = (revision_tree(repo, before).entries, revision_tree(repo, after).entries)
    assert compare(*listed) == staged


def test_everything_is_new_before_the_first_commit(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo")
    write(repo.top, {"a.py": "a"})
    git(repo.top, "add", "a.py")

    changes = staged_changes(repo)

    assert changes == (Change("a.py", None, Entry(0o100644, hash_blob(b"a"))),)


def test_a_revision_that_is_not_there_is_an_error(repo: Repository) -> None:
    with pytest.raises(UnknownRevision, match="nowhere"):
        revision_tree(repo, "nowhere")
    with pytest.raises(UnknownRevision):
        revision_tree(repo, "--help")


def test_missing_blobs_are_left_out_and_reading_goes_on(repo: Repository) -> None:
    oid = index_tree(repo).entries["a.py"].oid
    objects = GitObjects(repo.top)

    found = list(objects.read(["0" * len(oid), oid, tree_id(repo, "HEAD"), oid]))
    objects.close()

    assert found == [(oid, b"a")] * 2
    assert list(objects.read([oid])) == [(oid, b"a")]
    objects.close()


def test_many_large_blobs_are_read_without_a_standstill(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        f"f{n}": bytes([n % 256]) * 5_000 + b"%d" % n for n in range(300)
    }
    repo = make(tmp_path / "repo", files)

    assert contents(revision_tree(repo, "HEAD")) == files


def test_a_listing_is_searched_as_it_is_read(repo: Repository) -> None:
    plain = dict(index_tree(repo).entries)
    paths = [*plain, "a", "a/", "a/b", "zzz", "", "a/b.py/c"]

    assert [index_tree(repo).entries.get(path) for path in paths] == [plain.get(p) for p in paths]
    assert sorted(Listing(b"").items()) == []


def test_files_of_a_name_are_found_in_a_listing(tmp_path: Path) -> None:
    names = ["p.toml", "a/p.toml", "a/xp.toml", "p.toml.x", "b/p.toml"]
    repo = make(tmp_path / "repo", dict.fromkeys(names, ""))
    listing = index_tree(repo).entries
    assert isinstance(listing, Listing)

    assert listing.ends("p.toml") == ["a/p.toml", "b/p.toml", "p.toml"]


def test_libgit_reads_the_same_trees_as_git(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo", STRANGE)
    (repo.top / "link").symlink_to("a.py")
    commit(repo.top)
    assert reason_against(repo, {}) is None
    by_git = revision_tree(repo, "HEAD")

    libgit = LibgitObjects(repo)

    assert libgit.list_tree(tree_id(repo, "HEAD")) == dict(by_git.entries)
    oids = sorted({e.oid for e in by_git.entries.values()})
    assert list(libgit.read([*oids, "0" * 40])) == list(by_git.read(oids))
    libgit.close()


@pytest.fixture(params=["sha256", "sparse", "split", "partial", "index"])
def unfit(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Repository, dict[str, str]]:
    environ: dict[str, str] = {}
    init = ["--object-format=sha256"] if request.param == "sha256" else []
    repo = make(tmp_path / "repo", STRANGE, *init)
    if request.param == "sparse":
        git(repo.top, "sparse-checkout", "set", "a")
    elif request.param == "split":
        git(repo.top, "update-index", "--split-index")
    elif request.param == "partial":
        git(repo.top, "config", "uploadpack.allowFilter", "true")
        origin = repo.top.as_uri()
        git(tmp_path, "clone", "-q", "--no-checkout", "--filter=blob:none", origin, "clone")
        repo = Repository(tmp_path / "clone", tmp_path / "clone/.git", tmp_path / "clone/.git")
    elif request.param == "index":
        environ["GIT_INDEX_FILE"] = "elsewhere"
    return repo, environ


def test_where_libgit_would_see_otherwise_it_is_refused(
    unfit: tuple[Repository, dict[str, str]],
) -> None:
    repo, environ = unfit

    assert reason_against(repo, environ) is not None
    assert len(revision_tree(repo, "HEAD").entries) == len(STRANGE)


def test_a_sparse_checkout_shows_what_is_not_checked_out_too(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo", STRANGE)
    git(repo.top, "sparse-checkout", "set", "a")
    assert not (repo.top / "with space").exists()

    assert contents(work_tree(repo)) == expected()


def test_a_repository_that_libgit_cannot_open_is_an_error(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo", STRANGE, "--object-format=sha256")

    with pytest.raises(GitFailed):
        LibgitObjects(repo)
