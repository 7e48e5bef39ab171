from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from guild_plugins.git import refs
from guild_plugins.git.process import DiskRefused, GitFailed, failure, git_environment, run_git
from guild_plugins.git.repository import find_repository, list_files


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    return folder


def git(folder: Path, *args: str) -> None:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *who, *args], cwd=folder, check=True, capture_output=True)


def test_a_repository_is_found_from_a_folder_inside(repo: Path) -> None:
    inside = repo / "a" / "b"
    inside.mkdir(parents=True)

    found = find_repository(inside)

    assert found is not None
    assert (found.top, found.git_dir, found.common_dir) == (repo, repo / ".git", repo / ".git")


def test_a_linked_worktree_has_its_own_git_directory_and_a_common_one(repo: Path) -> None:
    git(repo, "commit", "-q", "--allow-empty", "-m", "first")
    git(repo, "worktree", "add", "-q", "../other")

    found = find_repository(repo.parent / "other")

    assert found is not None
    assert found.top == repo.parent / "other"
    assert found.git_dir == repo / ".git" / "worktrees" / "other"
    assert found.common_dir == repo / ".git"


def test_a_folder_outside_has_no_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("nonsense")

    found = find_repository(tmp_path)

    assert found is None


def test_tracked_and_new_files_are_listed_but_ignored_and_deleted_ones_are_not(repo: Path) -> None:
    (repo / ".gitignore").write_text("*.log\n")
    for name in ("kept.py", "gone.py", "new.py", "x.log"):
        (repo / name).write_text("")
    git(repo, "add", "kept.py", "gone.py")
    (repo / "gone.py").unlink()

    files = list_files(repo)

    assert files == [".gitignore", "kept.py", "new.py"]


def test_odd_names_survive(repo: Path) -> None:
    names = [
        "a b.py",
        "new\nline.py",
        "-dash.py",
        'quo"te.py',
        "tab\t.py",
        os.fsdecode(b"b\xff.py"),
    ]
    for name in names:
        (repo / name).write_text("")

    files = list_files(repo)

    assert files == sorted(names)


def test_a_folder_lists_what_is_below_it_alone(repo: Path) -> None:
    (repo / "a").mkdir()
    (repo / "a" / "x.py").write_text("")
    (repo / "y.py").write_text("")

    files = list_files(repo / "a")

    assert files == ["x.py"]


def test_listing_runs_nothing_that_the_repository_names(repo: Path) -> None:
    script, witness = repo / "evil.sh", repo.parent / "witness"
    script.write_text(f"#!/bin/sh\ntouch {witness}\n")
    script.chmod(0o755)
    git(repo, "config", "core.fsmonitor", str(script))
    git(repo, "config", "core.pager", str(script))

    list_files(repo)

    assert not witness.exists()


def test_variables_that_redirect_git_are_not_passed_on(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repo / "a.py").write_text("")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere/index")

    files = list_files(repo)

    assert files == ["a.py"]


def test_the_environment_keeps_who_the_user_is() -> None:
    environ = {"GIT_AUTHOR_NAME": "A", "GIT_WORK_TREE": "/x", "GIT_CONFIG_COUNT": "1", "PATH": "/p"}

    kept = git_environment(environ)

    assert {"GIT_AUTHOR_NAME", "PATH"} <= set(kept)
    assert not {"GIT_WORK_TREE", "GIT_CONFIG_COUNT"} & set(kept)


def test_a_full_disk_is_told_from_a_no() -> None:
    full = "error: unable to create temporary file: No space left on device\nfatal: x"

    assert type(failure(["write-tree"], 128, full)) is DiskRefused
    index = "fatal: sha1 file '.git/index.lock' write error. Out of diskspace"
    assert type(failure(["write-tree"], 128, index)) is DiskRefused
    lock = "fatal: cannot update ref 'refs/heads/x': couldn't write '.git/refs/heads/x.lock'"
    assert type(failure(["update-ref"], 128, lock)) is DiskRefused
    assert type(failure(["write-tree"], 128, "fatal: x")) is GitFailed


def test_a_lock_that_the_disk_refuses_is_no_other_process(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(args: list[str], *_: object, **__: object) -> bytes:
        text = "fatal: Unable to create '.git/refs/heads/x.lock': No space left on device"
        raise failure(args, 128, text)

    monkeypatch.setattr(refs, "run_git", refuse)
    monkeypatch.setattr(refs, "read_ref", lambda *_: None)

    with pytest.raises(DiskRefused):
        refs.move_ref(repo, "refs/heads/x", new="1" * 40, old=None, message="x")


def test_a_failed_command_says_what_git_said(repo: Path) -> None:
    with pytest.raises(GitFailed, match=r"git rev-parse ended with 128: .*nothing"):
        run_git(["rev-parse", "nothing"], repo)
