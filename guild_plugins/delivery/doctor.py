"""What is wrong with Guild's state in a repository, and how to set it right.

Looking changes nothing. Setting right uses the same steps as every command does
for what it stumbles over, so it can be repeated, and does nothing when all is well.
Git's own lock files are told and never removed, unless an operation of Guild's left
them: nobody can tell whose they are.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from guild_plugins.coordination.errors import JournalDamaged
from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.leases import Leases
from guild_plugins.coordination.liveness import is_locked, proof_of_death
from guild_plugins.coordination.place import place_in
from guild_plugins.coordination.salvage import salvage
from guild_plugins.coordination.table import LeaseTable
from guild_plugins.delivery.ailments import Ailment, examine_workplaces
from guild_plugins.delivery.landing.settling import settle_landings, unsettled_landings
from guild_plugins.delivery.recovery import open_operations, recover
from guild_plugins.git.pending import git_at_work
from guild_plugins.git.process import run_git
from guild_plugins.git.repository import Repository

OLDEST_GIT: Final = (2, 38)
SOUND_SQLITE: Final = (3, 51, 3)
"""Before it, SQLite may damage a database where a checkpoint meets a commit; the gate
keeps them apart."""

OLD_LOCK: Final = 60.0
"""Seconds after which a lock file of git's is worth a word."""


def examine(repository: Repository) -> list[Ailment]:
    """Return what is wrong; what is wrong with the journal hides the rest."""
    leases = Leases(Journal(place_in(repository.common_dir)))
    found = [*_versions(repository), *_git_locks(repository)]
    damage = list(_journal(leases.journal))
    if damage:
        return found + damage
    return [
        *found,
        *_dead_holders(leases),
        *_drift(leases),
        *_half_done(repository, leases),
        *examine_workplaces(repository, leases),
        *_landings(repository, leases),
    ]


def _versions(repository: Repository) -> Iterator[Ailment]:
    words = run_git(["version"], repository.top).decode().split()
    numbers = tuple(int(part) for part in words[2].split(".")[:2] if part.isdigit())
    if numbers < OLDEST_GIT:
        yield Ailment("git-too-old", f"git is {words[2]}; Guild needs 2.38 or newer")


def remarks() -> list[str]:
    """Return what is worth knowing, and no fault of the repository's."""
    if sqlite3.sqlite_version_info >= SOUND_SQLITE:
        return []
    return [
        f"SQLite is {sqlite3.sqlite_version}. Versions before 3.51.3 can damage a database that is "
        "written without Guild's gate; let nothing else write to guild.db."
    ]


def _git_locks(repository: Repository) -> Iterator[Ailment]:
    folder = repository.common_dir
    places = [folder, *folder.glob("worktrees/*")]
    locks = [lock for place in places for lock in place.glob("*.lock")]
    locks += [lock for name in ("refs", "reftable") for lock in (folder / name).rglob("*.lock")]
    for lock in locks:
        age = time.time() - _changed(lock)
        if age > OLD_LOCK and not git_at_work(repository.top, folder):
            text = f"{lock} is {age / 60:.0f} min old, and no git is running here; remove it"
            yield Ailment("git-lock", text)


def _changed(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:
        return time.time()


def _journal(journal: Journal) -> Iterator[Ailment]:
    try:
        journal.check()
    except JournalDamaged as error:
        yield Ailment("journal-damaged", str(error), lambda: salvage(journal.place))


def _dead_holders(leases: Leases) -> Iterator[Ailment]:
    for holder in LeaseTable(leases.facts()).holders():
        proof = proof_of_death(leases.place, holder)
        if proof is not None:
            yield Ailment("dead-holder", f"{holder.name} is gone: {proof}", leases.tend)


def _drift(leases: Leases) -> Iterator[Ailment]:
    if not leases.agrees():
        text = "the lease table is not what its events give"
        yield Ailment("lease-drift", text, leases.rebuild)


def _half_done(repository: Repository, leases: Leases) -> Iterator[Ailment]:
    journal = leases.journal
    with journal.reading() as transaction:
        operations = open_operations(transaction) if transaction is not None else []
    for started in operations:
        if not is_locked(journal.place.holders / started.operation):
            text = f"a {started.what} on {started.reference} was interrupted"
            yield Ailment("half-done", text, lambda: recover(repository, journal))
    folders = list(journal.place.work.iterdir()) if journal.place.work.is_dir() else []
    known = {started.operation for started in operations}
    for folder in folders:
        if folder.name not in known and not is_locked(journal.place.holders / folder.name):
            text = f"{folder} was left by a process that died"
            yield Ailment("left-behind", text, lambda: recover(repository, journal))


def _landings(repository: Repository, leases: Leases) -> Iterator[Ailment]:
    for text in unsettled_landings(repository, leases.journal):
        yield Ailment("half-landed", text, lambda: settle_landings(repository, leases))
