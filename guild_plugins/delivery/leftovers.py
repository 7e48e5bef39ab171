"""What could not be deleted of work places that were removed: told, and deleted later.

A work place is removed when nothing that counts is in it any more; that a file or a
folder stays (a full disk, another user's file) is told, and the place is forgotten
nevertheless. Whoever stops the task again, or ``guild doctor --fix``, tries once more.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from guild_plugins.coordination.turns import turn
from guild_plugins.delivery.furnishing import folder_of
from guild_plugins.delivery.removing import GONE, hidden, is_empty
from guild_plugins.delivery.starting import place_folder, read_settings
from guild_plugins.delivery.workplaces import Workplace, Workplaces
from guild_plugins.errors import GuildError
from guild_plugins.git.repository import Repository
from guild_plugins.scopes.model import WorkSettings
from guild_plugins.scopes.naming import problem_with


def left_of(places: Workplaces, one: Workplace) -> Path | None:
    """Return what is still there of a work place that was removed just now."""
    for path in (hidden(one), folder_of(places.journal.place, one)):
        if path.exists():
            return path
    if one.git_dir is None:
        for folder in list(Path(one.path).parents)[:2]:
            if is_empty(folder) and _can_go(folder):
                return folder
    return None


def leftovers(repository: Repository, places: Workplaces) -> list[Path]:
    """Return the files of work places that nobody knows any more."""
    known = places.all()
    hiding = {hidden(one) for one in known}
    own = places.journal.place.folder / "places"
    furnished = {folder_of(places.journal.place, one) for one in known}
    found = set(_folder(repository).glob(f"*/{GONE}*")) - hiding
    return sorted(found | (set(own.glob("*")) - furnished))


def sweep(repository: Repository, places: Workplaces, task: str) -> bool:
    """Delete what is left of a task's work places; say whether there was some, and is no more."""
    if not _left_of_task(repository, places, task):
        return False
    with turn(places.turn):
        for path in _left_of_task(repository, places, task):
            shutil.rmtree(path, ignore_errors=True)
        with suppress(OSError):
            (_folder(repository) / task).rmdir()
            _folder(repository).rmdir()
    return not _left_of_task(repository, places, task)


def _left_of_task(repository: Repository, places: Workplaces, task: str) -> list[Path]:
    """Return the files that are left of a task's work places, or their empty folder."""
    if problem_with(task) is not None:
        return []
    folder = _folder(repository) / task
    files = [path for path in leftovers(repository, places) if path.parent == folder]
    return files or ([folder] if is_empty(folder) else [])


def _folder(repository: Repository) -> Path:
    settings = WorkSettings()
    with suppress(GuildError):  # what is wrong with the configuration is told elsewhere
        settings = read_settings(repository.top)
    return place_folder(repository, settings)


def _can_go(folder: Path) -> bool:
    """Say whether an empty folder could be deleted by us: a mount or another's folder is not."""
    return os.access(folder.parent, os.W_OK | os.X_OK) and not folder.is_mount()
