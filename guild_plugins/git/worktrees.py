"""Linked work trees: listed, looked at, and judged; `adding` makes them.

The lock's reason is the first thing that is written of one, so a reason of our own
tells later whose it was.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from guild_plugins.git.apart import MAGIC, without
from guild_plugins.git.changes import without_filters
from guild_plugins.git.process import GitFailed, run_git, split_names
from guild_plugins.git.refs import read_head
from guild_plugins.git.repository import Repository, find_repository

SEEN: Final = 200
"""Paths that are counted as changed at most; who asks wants to know whether, not how many."""


@dataclass(frozen=True, slots=True)
class Admin:
    """What the repository knows of a linked work tree.

    :param folder: In the common git directory, below ``worktrees``.
    :param path: Where the work tree is; ``None`` where git had not written that yet.
    :param reason: Why it is locked; ``None`` if it is not.
    """

    folder: Path
    path: Path | None
    reason: str | None


def admins(common_dir: Path) -> Iterator[Admin]:
    """Yield what the repository knows of its linked work trees, half-made ones too."""
    folder = common_dir / "worktrees"
    for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
        link = _line(entry / "gitdir")
        yield Admin(entry, Path(link).parent if link else None, _line(entry / "locked"))


def checked_out(common_dir: Path) -> dict[str, Path]:
    """Return the branches, by their full names, that linked work trees have checked out."""
    found = {}
    for admin in admins(common_dir):
        head = _line(admin.folder / "HEAD") or ""
        if head.startswith("ref: ") and admin.path is not None:
            found[head.removeprefix("ref: ")] = admin.path
    return found


def flaw_of(repository: Repository, path: Path, branch: str) -> str | None:
    """Say what is wrong with a work tree; ``None`` if it may be used.

    It has to be one of the repository, with the branch checked out, and an index.
    """
    found = find_repository(path)
    if found is None or found.top != path:
        return f"{path} is no work tree"
    if not found.common_dir.samefile(repository.common_dir):
        return f"{path} is a work tree of another repository"
    if not (found.git_dir / "index").exists():
        return f"{path} has no index"
    try:
        head = read_head(path)
    except GitFailed as error:
        return str(error)
    if head.branch != branch:
        return f"{path} has {head.branch or 'no branch'} checked out, not {branch}"
    return None


def dirty_paths(top: Path, repository: Repository, apart: Collection[str] = ()) -> list[str]:
    """Return paths that differ from the commit, staged or not, with untracked files.

    Filters that the configuration names are not run; a file that only they could
    judge counts as changed. At most some paths.

    :param apart: Paths to leave out, unless git has them.
    """
    left = without(lambda words: run_git(words, top), apart)
    command = ["status", "--porcelain", "-z", "--no-renames", "--untracked-files=normal"]
    found = split_names(
        run_git([*command, *left], top, extra_env={**without_filters(repository), **MAGIC})
    )
    return [line[3:] for line in found[:SEEN]]


def distance(top: Path, onto: str, branch: str) -> tuple[int, int] | None:
    """Return how many commits a branch has that another has not, and the other way round.

    ``None`` where one of them is not there.
    """
    try:
        command = ["rev-list", "--left-right", "--count", f"{branch}...{onto}", "--"]
        ahead, behind = run_git(command, top).split()
    except GitFailed:
        return None
    return int(ahead), int(behind)


def is_merged(top: Path, tip: str, onto: str) -> bool:
    """Say whether merging a commit into another would add nothing.

    So it is where it is among those before it, and where its changes came in another
    way: squashed, rebased, or picked.
    """
    counts = distance(top, onto, tip)
    if counts is None:
        return False
    if counts[0] == 0:
        return True
    try:
        merged = run_git(["merge-tree", "--write-tree", onto, tip], top).split()[0]
        return merged == run_git(["rev-parse", f"{onto}^{{tree}}"], top).strip()
    except GitFailed:
        return False


def _line(path: Path) -> str | None:
    """Return the first line of one of git's small files; ``None`` where there is none."""
    try:
        return os.fsdecode(path.read_bytes()).rstrip("\n")
    except OSError:
        return None
