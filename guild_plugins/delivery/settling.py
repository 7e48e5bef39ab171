"""What dead processes left of work places: taken over if whole, else taken away.

Called in the turn of whoever makes or removes work places, so that nobody alive is
in the middle of it; only a child that its parent's death left behind may be, and is
waited for. Every step finds done what was done, so that dying here is harmless.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from guild_plugins.coordination import here
from guild_plugins.coordination.leases import Leases
from guild_plugins.coordination.place import Place
from guild_plugins.delivery.furnishing import clear_folder
from guild_plugins.delivery.operation import Operation, operation
from guild_plugins.delivery.removing import (
    admin_of,
    clear_locks,
    drop_admin,
    drop_branch,
    drop_files,
    hidden,
    hide,
    leave_branch,
    show,
    take_away,
    what_changed,
)
from guild_plugins.delivery.undo import BACKUP
from guild_plugins.delivery.workplaces import Workplace, Workplaces, is_alive
from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.process import GitFailed
from guild_plugins.git.refs import read_ref
from guild_plugins.git.repository import Repository
from guild_plugins.git.worktrees import flaw_of
from guild_plugins.stages.events import (
    WorkplaceAbandoned,
    WorkplaceEvent,
    WorkplaceKept,
    WorkplaceMade,
    WorkplaceStopped,
    fresh_id,
)

PATIENCE: Final = 60.0
"""Seconds to wait for a git whose parent has died."""


class StillAtWork(GuildError):
    """A program that a dead process had started is still at work on a work place."""

    slug = "still-at-work"
    exit = Exit.CONTENDED
    remedy = "Let it end, or end it, and run the command again."

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"What a process that died had started is still at work on {self.name}."


def unsettled(leases: Leases) -> list[Workplace]:
    """Return the work places that a dead process left in the middle of something."""
    places = Workplaces(leases.journal).all()
    return [one for one in places if one.state != "made" and not is_alive(leases.place, one)]


def settle(repository: Repository, leases: Leases) -> list[WorkplaceEvent]:
    """End what dead processes left in the middle, and return what was noted about it.

    To be called in the turn.

    :raises StillAtWork: A child of one of them does not end.
    """
    places, noted = Workplaces(leases.journal), []
    for one in places.all():
        if one.state == "made":
            continue
        _await_end(leases.place, one)
        with operation(leases) as work:
            clear_locks(repository, one)
            if one.state == "begun":
                event = _end_start(repository, leases.place, one, work)
            else:
                event = end_stop(repository, leases.place, one, work)
            places.record(event)
            noted.append(event)
    return noted


def end_stop(
    repository: Repository, place: Place, one: Workplace, work: Operation
) -> WorkplaceEvent:
    """Remove a work place that was found removable; keep it if that is so no longer."""
    reason = _remove_tree(repository, one, work) if one.git_dir is None else _leave(one)
    head = {"at": here.now().wall, "scope": one.scope, "place": one.id, "operation": work.id}
    if reason is not None:
        return WorkplaceKept(id=fresh_id(), reason=reason, **head)  # type: ignore[arg-type]
    drop_branch(repository, one, one.tip)
    clear_folder(place, one)
    backup = backup_of(one)
    kept = backup if read_ref(repository.common_dir, backup) else None
    return WorkplaceStopped(id=f"{one.id}-stopped", backup=kept, **head)  # type: ignore[arg-type]


def backup_of(one: Workplace) -> str:
    """Return the reference that keeps what was in a work place."""
    return f"{BACKUP}{one.name}/{one.id}"


def _end_start(
    repository: Repository, place: Place, one: Workplace, work: Operation
) -> WorkplaceEvent:
    head = {"at": here.now().wall, "scope": one.scope, "place": one.id, "operation": work.id}
    if one.git_dir is not None and flaw_of(repository, Path(one.path), one.branch) is None:
        return WorkplaceMade(id=f"{one.id}-made", **head)  # type: ignore[arg-type]
    take_away(repository, place, one, work.folder)
    reason = "its process died before it was made"
    return WorkplaceAbandoned(id=f"{one.id}-abandoned", reason=reason, **head)  # type: ignore[arg-type]


def _remove_tree(repository: Repository, one: Workplace, work: Operation) -> str | None:
    """Remove a work tree; return why it was not."""
    hide(one)
    admin = admin_of(repository, one)
    if admin is not None and hidden(one).is_dir():
        try:
            reason = what_changed(one, admin, work.folder)
        except GitFailed as error:
            reason = str(error)
        if reason is not None:
            show(one)
            return reason
    drop_admin(repository, one, admin, work.folder)
    drop_files(one)
    return None


def _leave(one: Workplace) -> str | None:
    try:
        leave_branch(one)
    except GitFailed as error:
        return str(error)
    return None


def _await_end(place: Place, one: Workplace) -> None:
    deadline = time.monotonic() + PATIENCE
    while is_alive(place, one):
        if time.monotonic() > deadline:
            raise StillAtWork(one.name)
        time.sleep(0.05)
