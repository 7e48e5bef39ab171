"""Landings that a process began and did not end: completed, or withdrawn.

Trunk tells which. If the last commit of the landing is on trunk, what comes after the
move is done now; else nothing of it happened, and its branches are where they were. Every
step finds done what was done, so that dying here is harmless.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress

from guild_plugins.coordination import here
from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.leases import Leases
from guild_plugins.coordination.liveness import is_locked
from guild_plugins.coordination.turns import turn
from guild_plugins.delivery.landing.merging import base_of, with_landed
from guild_plugins.delivery.landing.notes import REF, note_for, read_notes, write_note
from guild_plugins.delivery.landing.outcomes import Synchronised
from guild_plugins.delivery.landing.pins import PINS, pinned, unpin
from guild_plugins.delivery.landing.syncing import synchronise, work_trees_of
from guild_plugins.delivery.landing.testing import left_trees, remove_trees
from guild_plugins.delivery.landing.trunks import trunk_called
from guild_plugins.delivery.operation import operation
from guild_plugins.delivery.recovery import recover, remove_left
from guild_plugins.errors import GuildError
from guild_plugins.git.process import GitFailed
from guild_plugins.git.refs import RefLocked, is_ancestor
from guild_plugins.git.repository import Repository
from guild_plugins.stages.events import LandingEnded, LandingStarted


def open_landings(journal: Journal) -> list[LandingStarted]:
    """Return the landings that were begun and did not end, the oldest first."""
    left: dict[str, LandingStarted] = {}
    for line in journal.lines(types=["LandingStarted", "LandingEnded"]):
        match line.event:
            case LandingStarted() as event:
                left[event.operation] = event
            case LandingEnded(operation=ended):
                left.pop(ended, None)
    return list(left.values())


def unsettled_landings(repository: Repository, journal: Journal) -> Iterator[str]:
    """Name, in words, what dead processes left of landings. Changes nothing."""
    for started in open_landings(journal):
        if not _is_alive(journal, started.operation):
            yield f"a landing on {started.onto} was interrupted"
    known = {started.operation for started in open_landings(journal)}
    for name, reference in pinned(repository.top).items():
        if name not in known and not _is_alive(journal, name):
            yield f"{reference} was left by a landing that died"
    for admin, name in left_trees(repository):
        if not _is_alive(journal, name):
            yield f"{admin.path or admin.folder} was left by a landing that died"


def settle_landings(repository: Repository, leases: Leases) -> list[Synchronised]:
    """End what dead processes left of landings; return the work trees that were brought along."""
    journal = leases.journal
    if next(unsettled_landings(repository, journal), None) is None:
        return []
    found: list[Synchronised] = []
    with turn(journal.place.folder / "landing.lock"):
        recover(repository, journal)
        for started in open_landings(journal):
            if not _is_alive(journal, started.operation):
                found += _settle(repository, leases, started)
        for name, reference in pinned(repository.top).items():
            if not _is_alive(journal, name):
                _clear_lock(repository, reference)
                unpin(repository.top, name)
        _clear_half_pins(repository, journal)
        with operation(leases) as work:
            for _, name in left_trees(repository):
                if not _is_alive(journal, name):
                    remove_trees(repository, name, work.folder)
    return found


def _settle(repository: Repository, leases: Leases, started: LandingStarted) -> list[Synchronised]:
    try:
        current = trunk_called(repository, started.onto).read()
    except GitFailed:
        return []  # the remote cannot be asked: whoever comes when it can ends it
    moved = current is not None and is_ancestor(repository.top, started.new, current)
    found: list[Synchronised] = []
    if moved and current is not None:
        with operation(leases) as work:
            for tree in work_trees_of(repository, started.onto):
                _clear_index_lock(tree, started)
                one = synchronise(tree, started.old, current, work.folder, resumes=True)
                found.append(one)
        _clear_lock(repository, REF)
        _write_notes(repository, started)
    leases.journal.append(ended(started, here.now().wall, moved=moved))
    unpin(repository.top, started.operation)
    return found


def _write_notes(repository: Repository, started: LandingStarted) -> None:
    """Write the notes that the dead process had not come to; a tip that is gone has none."""
    top, former = repository.top, started.old
    there = read_notes(top, [one.commit for one in started.landed])
    for one in started.landed:
        if one.commit not in there:
            with suppress(GuildError):
                base = base_of(top, with_landed(top, former, one.tip), one.tip)
                write_note(top, one.commit, note_for(repository, base, one.tip, former))
        former = one.commit


def ended(started: LandingStarted, at: float, *, moved: bool) -> LandingEnded:
    """Return the fact that a landing is over."""
    return LandingEnded(
        id=f"{started.operation}-{started.new[:12]}-ended",
        at=at,
        cause=started.id,
        operation=started.operation,
        moved=moved,
    )


def _is_alive(journal: Journal, name: str) -> bool:
    """Say whether an operation lives; what it numbers has its name and a number."""
    return is_locked(journal.place.holders / name.partition("-")[0])


def _clear_lock(repository: Repository, reference: str) -> None:
    """Remove the lock of a reference that the dead process was about to move."""
    lock = repository.common_dir / f"{reference}.lock"
    with suppress(RefLocked, OSError):
        remove_left(repository, lock, reference, lock.read_text().strip(), 0)


def _clear_half_pins(repository: Repository, journal: Journal) -> None:
    """Remove the locks of references that were about to be made."""
    folder = repository.common_dir / PINS
    for lock in folder.glob("*.lock") if folder.is_dir() else ():
        if not _is_alive(journal, lock.stem):
            _clear_lock(repository, f"{PINS}{lock.stem}")


def _clear_index_lock(tree: Repository, started: LandingStarted) -> None:
    """Remove the lock that was made of the index that the dead process had ready.

    `recovery` knows it by the file that it was made of, and has been here before.
    """
    shutil.rmtree(tree.common_dir / "guild" / "work" / started.operation, ignore_errors=True)
