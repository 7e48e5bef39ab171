"""Removing work places, step by step; each step finds done what was done.

A work tree is renamed before it is looked at for the last time: what somebody writes
into it later fails, and is not lost. The admin folder goes by one rename, so that git
never sees half of it.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

from guild_plugins.coordination.place import Place
from guild_plugins.delivery.copies import changed_copies, unchanged_copies
from guild_plugins.delivery.furnishing import clear_folder
from guild_plugins.delivery.recovery import remove_left, remove_packed_lock
from guild_plugins.delivery.workplaces import Workplace
from guild_plugins.git.adding import holds_nothing
from guild_plugins.git.contents import read_contents
from guild_plugins.git.pending import git_at_work
from guild_plugins.git.process import run_git
from guild_plugins.git.refs import RefMoved, delete_ref, point_head, read_head, read_ref
from guild_plugins.git.repository import Repository
from guild_plugins.git.worktrees import Admin, admins, checked_out

GONE: Final = ".gone-"
"""How the name of a hidden work tree begins."""


def take_away(repository: Repository, place: Place, one: Workplace, trash: Path) -> None:
    """Remove what there is of a work place that nobody was told of.

    :param trash: A folder of the operation's own.
    """
    clear_locks(repository, one)
    if one.git_dir is None:
        admin = admin_of(repository, one)
        if admin is not None and admin.reason != one.reason:
            admin = None  # somebody else's, who came there since
        if admin is not None or holds_nothing(Path(one.path), repository.common_dir):
            hide(one)
        drop_admin(repository, one, admin, trash)
        drop_files(one)
    elif read_head(Path(one.path)).branch == one.branch:
        point_head(Path(one.path), one.onto, "guild start: taken back")
    if one.makes_branch:
        drop_branch(repository, one, one.base)
    clear_folder(place, one)


def what_changed(one: Workplace, admin: Admin, scratch: Path) -> str | None:
    """Say what was changed in a hidden work tree since it was found removable."""
    apart = unchanged_copies(one, hidden(one))
    found = read_contents(admin.folder, hidden(one), scratch, apart)
    if found.odd is not None:
        return found.odd
    if (found.files, found.staged) != (one.tree, one.staged):
        return "it was changed meanwhile"
    return changed_copy(one, hidden(one))


def changed_copy(one: Workplace, folder: Path) -> str | None:
    """Say which file that it began with is another one now; git does not know them."""
    path = next(changed_copies(one, folder), None)
    return f"{path!r}, which it began with, was changed" if path is not None else None


def admin_of(repository: Repository, one: Workplace) -> Admin | None:
    """Return what the repository knows of a work place's work tree."""
    for admin in admins(repository.common_dir):
        if admin.reason == one.reason or admin.path == Path(one.path):
            return admin
    return None


def hidden(one: Workplace) -> Path:
    """Return where a work tree lies while it is being removed."""
    path = Path(one.path)
    return path.with_name(f"{GONE}{one.id}")


def hide(one: Workplace) -> None:
    """Move a work tree out of everybody's way; that it is moved already is no error."""
    with suppress(FileNotFoundError):
        Path(one.path).rename(hidden(one))


def show(one: Workplace) -> None:
    """Put a hidden work tree back."""
    hidden(one).rename(one.path)


def drop_files(one: Workplace) -> None:
    """Delete a hidden work tree, as far as that may be, and the folders that are empty then."""
    shutil.rmtree(hidden(one), ignore_errors=True)
    for folder in list(Path(one.path).parents)[:2]:
        try:
            folder.rmdir()
        except OSError:
            return


def drop_admin(repository: Repository, one: Workplace, admin: Admin | None, trash: Path) -> None:
    """Make the repository forget a work tree, at once."""
    if admin is not None:
        admin.folder.rename(trash / "admin")
        shutil.rmtree(trash / "admin", ignore_errors=True)
    for empty in _empty_admins(repository, one):
        with suppress(OSError):
            empty.rmdir()
    with suppress(OSError):
        (repository.common_dir / "worktrees").rmdir()


def drop_branch(repository: Repository, one: Workplace, tip: str) -> None:
    """Delete the branch, unless it has moved, or is checked out in another work tree."""
    heads = checked_out(repository.common_dir)
    if one.branch in heads or _main_head(repository) == one.branch:
        return
    with suppress(RefMoved):
        delete_ref(repository.common_dir, one.branch, old=tip, message="guild stop")


def clear_locks(repository: Repository, one: Workplace) -> None:
    """Remove the locks of git that a dead process left on what it was changing."""
    common = repository.common_dir
    locks = [common / f"{one.branch}.lock"]
    if one.git_dir is not None:
        locks.append(Path(one.git_dir) / "HEAD.lock")
    for lock in locks:
        remove_left(repository, lock, one.branch, one.base, one.at)
    remove_packed_lock(repository, one.at)


def leave_branch(one: Workplace) -> None:
    """Check out what a work place without a work tree was begun from."""
    top = Path(one.path)
    if read_head(top).branch != one.branch:
        return
    if read_ref(top, one.onto) == one.tip:
        point_head(top, one.onto, "guild stop")
    else:
        name = one.onto.removeprefix("refs/heads/")
        run_git(["switch", "--quiet", "--no-guess", name], top)


def is_empty(path: Path) -> bool:
    """Say whether a path is a folder with nothing in it."""
    try:
        return not any(path.iterdir())
    except OSError:
        return False


def _empty_admins(repository: Repository, one: Workplace) -> list[Path]:
    """Return admin folders that were begun for this work tree and hold nothing yet.

    Git writes a reason first of all; before that, only the name and the time tell.
    """
    if git_at_work(repository.top, repository.common_dir):
        return []
    found = []
    for admin in admins(repository.common_dir):
        name = admin.folder.name
        if name.rstrip("0123456789") == Path(one.path).name.rstrip("0123456789"):
            is_new = os.stat(admin.folder).st_mtime >= one.at - 2  # noqa: PTH116
            if is_new and is_empty(admin.folder):
                found.append(admin.folder)
    return found


def _main_head(repository: Repository) -> str | None:
    try:
        text = (repository.common_dir / "HEAD").read_text("utf-8", "surrogateescape")
    except OSError:
        return None
    return text.strip().removeprefix("ref: ")
