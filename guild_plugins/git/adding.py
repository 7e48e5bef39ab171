"""Adding linked work trees, so that nobody ever sees half of one.

Git adds one in many steps, and a process that dies between them leaves an admin folder
that breaks ``git fsck`` and every command in the new folder. Here the admin folder is
made whole elsewhere and takes its place by a rename; then git fills index and files, as
``git worktree add`` does at its end. Repositories that keep more there (a configuration
or references of each work tree) are left to git.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from guild_plugins.git.process import run_git
from guild_plugins.git.refs import DURABLE
from guild_plugins.git.repository import Repository, find_repository

LINK: Final = b"gitdir: "
"""How the file ``.git`` of a linked work tree begins."""

_SPECIAL: Final = (
    r"^(extensions\.(worktreeconfig|refstorage|relativeworktrees)"
    r"|core\.(sparsecheckout|worktree)|worktree\.userelativepaths)$"
)
"""Settings with which git writes more of a work tree than is written here, or otherwise."""

_FETCHING: Final = {**DURABLE, "GIT_NO_LAZY_FETCH": "0"}
"""A partial clone fetches what it lacks, as it does for git's own commands."""


def add_worktree(
    repository: Repository,
    path: Path,
    branch: str,
    *,
    reason: str,
    draft: Path,
    inherit: Sequence[int] = (),
) -> None:
    """Add a work tree of a branch that is there, locked; durable when this returns.

    :param branch: Its full name; checked out nowhere else. Or a commit, for a detached head.
    :param draft: A folder that is not there yet, on the file system of the repository. It is
        there before anything else is, and gone when git knows of the work tree.
    :param inherit: Open files that git keeps open as long as it runs.
    :raises GitFailed: Git could not do it.
    :raises FileExistsError: The folder is there.
    """
    top = repository.top
    if run_git(["config", "--get-regexp", _SPECIAL], top, accept=(0, 1)):
        name = branch.removeprefix("refs/heads/")
        detach = [] if name != branch else ["--detach"]
        command = ["worktree", "add", *detach, "--lock", "--reason", reason, "--", str(path), name]
        run_git(command, top, extra_env=_FETCHING, inherit=inherit)
    else:
        real = Path(os.path.realpath(path))  # as git writes it
        _draw_up(draft, real, branch, reason)
        real.mkdir(parents=True)
        _publish(draft, Path(os.path.realpath(repository.common_dir / "worktrees")), real)
        fill = ["reset", "--quiet", "--hard", "--no-recurse-submodules"]
        run_git(fill, path, extra_env=_FETCHING, inherit=inherit)
    found = find_repository(path)
    if found is not None:
        for entry in (*found.git_dir.iterdir(), found.git_dir, found.git_dir.parent):
            sync(entry)
        sync(path / ".git")


def remove_begun(repository: Repository, draft: Path) -> None:
    """Remove what a dead process had made of a work tree, beside the draft that it left."""
    try:
        link = os.fsdecode((draft / "gitdir").read_bytes())
    except OSError:
        return
    if not link.endswith("/.git\n"):
        return  # then nothing else was made
    path = Path(link.rstrip("\n")).parent
    if holds_nothing(path, repository.common_dir):
        (path / ".git").unlink(missing_ok=True)
    remove_empty(path, *path.parents[:2])


def remove_empty(*folders: Path) -> None:
    """Remove folders that have nothing in them."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def holds_nothing(path: Path, common_dir: Path) -> bool:
    """Say whether a folder is empty, but for the link to an admin folder of the repository."""
    try:
        names = os.listdir(path)  # noqa: PTH208
        link = (path / ".git").read_bytes() if names == [".git"] else b""
    except OSError:
        return False
    ours = LINK + os.fsencode(os.path.realpath(common_dir / "worktrees")) + b"/"
    return not names or (names == [".git"] and (link.startswith(ours) or ours.startswith(link)))


def _draw_up(draft: Path, path: Path, branch: str, reason: str) -> None:
    """Write an admin folder (see git's gitrepository-layout)."""
    draft.mkdir()
    files = {
        "locked": reason,
        "gitdir": f"{path}/.git",
        "commondir": "../..",
        "HEAD": f"ref: {branch}" if branch.startswith("refs/") else branch,
    }
    for name, line in files.items():
        (draft / name).write_bytes(os.fsencode(f"{line}\n"))
        sync(draft / name)


def _publish(draft: Path, folder: Path, path: Path) -> None:
    """Let an admin folder take its place, under a name that is free.

    An empty folder keeps the name, as git's own way does, and gives way to the rename.
    """
    folder.mkdir(exist_ok=True)
    number = 0
    while True:
        admin = folder / f"{path.name}{number or ''}"
        try:
            admin.mkdir()
            break
        except FileExistsError:
            number += 1
    (path / ".git").write_bytes(LINK + os.fsencode(f"{admin}\n"))
    draft.rename(admin)


def sync(path: Path) -> None:
    """Have a file, or a folder's list of names, outlast a power cut, as far as that is possible."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
