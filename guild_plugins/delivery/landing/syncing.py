"""Bringing the work trees that have trunk checked out to where trunk went.

Git's own two-way `read-tree` decides: it changes nothing where one of the paths is
dirty, staged otherwise, or in the way. The new index is made beside the old one and put
in its place at once. A process that dies in between leaves files that are new already;
whoever comes next takes those for done, and finishes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from guild_plugins.delivery.landing.outcomes import Synchronised
from guild_plugins.git.adding import sync
from guild_plugins.git.index import (
    Change,
    Index,
    IndexLocked,
    changes_between,
    copy_index,
    install_index,
)
from guild_plugins.git.lockfile import bytes_of
from guild_plugins.git.pending import InProgress, refuse_in_progress
from guild_plugins.git.process import GitFailed, run_git
from guild_plugins.git.refs import read_head
from guild_plugins.git.repository import Repository, find_repository
from guild_plugins.git.worktrees import checked_out

ATTEMPTS: Final = 3
LINK: Final = "120000"
SUBMODULE: Final = "160000"


def work_trees_of(repository: Repository, branch: str) -> list[Repository]:
    """Return the work trees that have a branch checked out."""
    paths = [path for name, path in checked_out(repository.common_dir).items() if name == branch]
    if repository.common_dir.name == ".git":
        main = repository.common_dir.parent
        if read_head(main).branch == branch:
            paths.append(main)
    found = [find_repository(path) for path in paths]
    return [one for one in found if one is not None]


def trouble_with(tree: Repository, old: str, new: str, scratch: Path) -> str | None:
    """Say what keeps a work tree from going from one commit to another; changes nothing."""
    try:
        refuse_in_progress(tree.git_dir)
    except InProgress as error:
        return f"it is in the middle of {error.what}"
    index = _copy(tree, scratch)
    try:
        index.run(["read-tree", "-m", "-u", "--dry-run", old, new])
    except GitFailed as error:
        return _said(error)
    return None


def synchronise(
    tree: Repository, old: str, new: str, scratch: Path, *, resumes: bool = False
) -> Synchronised:
    """Bring a work tree from one commit to another, or leave it as it is.

    :param resumes: A process died while it did this, in a work tree that was clean. It may
        have written a part of a file: all of that is in the new content, so that nothing
        is lost where it is written anew.
    """
    trouble: str | None = None
    for _ in range(ATTEMPTS):
        try:
            refuse_in_progress(tree.git_dir)
            before = bytes_of(tree.git_dir / "index")
            index = _copy(tree, scratch)
            _move(tree, index, old, new, resumes=resumes)
            _make_durable(tree, old, new)
            install_index(index, tree.git_dir, before)
        except IndexLocked as error:
            trouble = str(error)
            continue
        except InProgress as error:
            trouble = f"it is in the middle of {error.what}"
        except GitFailed as error:
            trouble = _said(error)
        else:
            return Synchronised(str(tree.top))
        break
    return Synchronised(str(tree.top), trouble)


def _copy(tree: Repository, scratch: Path) -> Index:
    """Return a copy of the index that knows which files are as it says."""
    target = scratch / "checkout"
    target.unlink(missing_ok=True)
    index = copy_index(tree.top, tree.git_dir, target)
    _refresh(index)
    return index


def _move(tree: Repository, index: Index, old: str, new: str, *, resumes: bool) -> None:
    command = ["read-tree", "-m", "-u", old, new]
    try:
        index.run(command)
    except GitFailed:
        if not _settle(tree, index, old, new, resumes=resumes):
            raise
        _refresh(index)
        index.run(command)


def _make_durable(tree: Repository, old: str, new: str) -> None:
    """Have the files outlast a power cut before the index says that they are there.

    Git does not: after one, files would be empty that nothing tells from changed ones.
    """
    folders = set()
    for change in changes_between(tree.top, old, new):
        path = Path(f"{tree.top}{os.sep}{change.path}")
        if path.is_file() and not path.is_symlink():
            sync(path)
        folders.add(path.parent)
    for folder in folders:
        sync(folder)


def _settle(tree: Repository, index: Index, old: str, new: str, *, resumes: bool) -> bool:
    """Take files that have what they are to get already for done; say whether there are any."""
    entries = index.entries()
    done: list[Change] = []
    begun = False
    for change in changes_between(tree.top, old, new):
        if entries.get(change.path) != change.old:
            continue
        if change.new is None:
            if not os.path.lexists(f"{tree.top}{os.sep}{change.path}"):
                done.append(change)
            continue
        has, wanted = _content(tree, change.path), _wanted(tree, change.path, change.new)
        if has == wanted:
            done.append(change)
        elif resumes and has is not None and has[0] == wanted[0] and wanted[1].startswith(has[1]):
            os.unlink(f"{tree.top}{os.sep}{change.path}")  # noqa: PTH108
            begun = True
    if done:
        index.apply(done)
    return begun or bool(done)


def _content(tree: Repository, path: str) -> tuple[bool, bytes] | None:
    """Return whether a path is a link, and what it holds; ``None`` where it is neither file."""
    place = f"{tree.top}{os.sep}{path}"
    if os.path.islink(place):  # noqa: PTH114
        return True, os.fsencode(os.readlink(place))  # noqa: PTH115
    return (False, Path(place).read_bytes()) if os.path.isfile(place) else None  # noqa: PTH113


def _wanted(tree: Repository, path: str, entry: tuple[str, str]) -> tuple[bool, bytes]:
    """Return the same of what git would write there, line ends and filters included."""
    mode, oid = entry
    if mode == LINK:
        return True, run_git(["cat-file", "blob", oid], tree.top)
    if mode == SUBMODULE:
        return False, b""
    return False, run_git(["cat-file", "--filters", f"--path={path}", oid], tree.top)


def _refresh(index: Index) -> None:
    own = {"GIT_INDEX_FILE": str(index.file)}
    run_git(["update-index", "-q", "--refresh"], index.top, extra_env=own, accept=(0, 1))


def _said(error: GitFailed) -> str:
    lines = [line for line in error.stderr.splitlines() if line.strip()]
    return (lines[0] if lines else str(error)).removeprefix("error: ").rstrip(".")
