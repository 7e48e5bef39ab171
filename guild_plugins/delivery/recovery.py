"""Half-done work of processes that died: found, judged by one reference, ended.

An operation writes all that it needs, notes in the journal that it will move one
reference, and moves it. A process that dies on the way leaves some of: its note,
its folder, git's lock files. The reference tells whether the operation happened;
no step is guessed, and doing one again is harmless. Everything runs in the gate.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from guild_plugins.coordination import here
from guild_plugins.coordination.journal import Journal, Transaction
from guild_plugins.coordination.liveness import abandoned, bury, is_locked
from guild_plugins.coordination.place import Place
from guild_plugins.git.adding import remove_begun
from guild_plugins.git.lockfile import is_left_lock
from guild_plugins.git.pending import git_at_work
from guild_plugins.git.refs import RefLocked, is_ancestor, read_ref
from guild_plugins.git.repository import Repository
from guild_plugins.stages.events import (
    Event,
    OperationAbandoned,
    OperationStarted,
    ReferenceMoved,
    fresh_id,
)

DRAFT: Final = "admin-draft-"
"""How the drafts of work trees begin that an operation has for itself alone."""

KINDS: Final = ("OperationStarted", "ReferenceMoved", "OperationAbandoned")


def moved(started: OperationStarted, at: float) -> ReferenceMoved:
    """Return the fact that an operation did what it had set out to do."""
    return ReferenceMoved(
        id=f"{started.operation}-moved",
        at=at,
        cause=started.id,
        operation=started.operation,
        what=started.what,
        git_dir=started.git_dir,
        reference=started.reference,
        old=started.old,
        new=started.new,
    )


def needs_recovery(journal: Journal) -> bool:
    """Say whether something was left by a process that died. Costs two looks into folders."""
    place = journal.place
    left = [*_folders(place), *(place.holders.iterdir() if place.holders.is_dir() else ())]
    return any(not is_locked(place.holders / path.name) for path in left)


def recover(repository: Repository, journal: Journal) -> list[Event]:
    """End what dead processes left half-done, and return what was noted about it."""
    facts: list[Event] = []
    if not needs_recovery(journal):
        return facts
    with journal.writing() as transaction:
        for started in open_operations(transaction):
            if not is_locked(journal.place.holders / started.operation):
                # Where it is not clear whose git's lock is, the next command looks again;
                # whoever wants that reference meanwhile hears of it from git.
                with suppress(RefLocked):
                    facts.append(_end(repository, started))
        transaction.append(*facts)
        for folder in _folders(journal.place):
            if not is_locked(journal.place.holders / folder.name):
                with suppress(RefLocked):
                    remove_packed_lock(repository)
                _clear(repository, folder)
    _sweep(journal)
    return facts


def open_operations(transaction: Transaction) -> list[OperationStarted]:
    """Return the operations that were begun and did not end."""
    left: dict[str, OperationStarted] = {}
    for event in transaction.events(KINDS):
        match event:
            case OperationStarted():
                left[event.operation] = event
            case ReferenceMoved() | OperationAbandoned():
                left.pop(event.operation, None)
    return list(left.values())


def _end(repository: Repository, started: OperationStarted) -> Event:
    """Find out whether the reference moved; remove what git's own process left."""
    at = here.now().wall
    top = _work_tree(repository, started)
    for lock in _locks(repository, started):
        remove_left(repository, lock, started.reference, started.new, started.at)
    if _has_moved(top, started):
        return moved(started, at)
    return OperationAbandoned(
        id=fresh_id(),
        at=at,
        cause=started.id,
        operation=started.operation,
        reason="its process died before the reference moved",
    )


def _has_moved(top: Path, started: OperationStarted) -> bool:
    """Say whether a reference has what was to come, or what came after that.

    What is taken back stood on what was to come, and has not moved while it is there.
    """
    current, old = read_ref(top, started.reference), started.old
    if current is None or current == old:
        return False
    if current == started.new:
        return True
    if not is_ancestor(top, started.new, current):
        return False
    is_taken_back = old is not None and is_ancestor(top, started.new, old)
    return not (is_taken_back and old is not None and is_ancestor(top, old, current))


def _work_tree(repository: Repository, started: OperationStarted) -> Path:
    """Return where to read the reference: ``HEAD`` is each work tree's own."""
    link = Path(started.git_dir) / "gitdir"
    with suppress(OSError):
        top = Path(os.fsdecode(link.read_bytes().strip())).parent
        if top.is_dir():
            return top
    if Path(started.git_dir) == repository.common_dir and repository.common_dir.name == ".git":
        return repository.common_dir.parent
    return repository.top


def _locks(repository: Repository, started: OperationStarted) -> Iterator[Path]:
    yield Path(started.git_dir) / "HEAD.lock"
    if started.reference.startswith("refs/"):
        yield repository.common_dir / f"{started.reference}.lock"


def remove_left(repository: Repository, lock: Path, reference: str, new: str, since: float) -> None:
    """Remove a lock file of git's, if it is the dead process's.

    It is when it holds nothing or what was to be written, is no older than the
    operation, and no git is at work in the repository.

    :param new: The object that the reference was to name.
    :param since: When the operation began.
    :raises RefLocked: It may be, but git is at work.
    """
    try:
        info, content = lock.stat(), lock.read_bytes()
    except (FileNotFoundError, NotADirectoryError):  # a branch may lie where its folder would
        return
    is_ours = f"{new}\n".encode().startswith(content) and info.st_mtime >= since - 2
    if not is_ours:
        return  # whoever wants the reference will hear of it from git
    others = git_at_work(repository.top, repository.common_dir)
    if others:
        who = ", ".join(map(str, others))
        raise RefLocked(reference, f"{lock} was left behind, and git is at work ({who})")
    with suppress(FileNotFoundError):
        if lock.stat().st_ino == info.st_ino:
            lock.unlink()


def remove_packed_lock(repository: Repository, since: float = 0.0) -> None:
    """Remove the lock under which git deletes references, if the dead process left it.

    Git never writes into it, and has a draft of packed references beside it; with either
    of them left behind no reference can be deleted.

    :raises RefLocked: It may be, but git is at work.
    """
    lock = repository.common_dir / "packed-refs.lock"
    if lock.exists() and not git_at_work(repository.top, repository.common_dir):
        lock.with_suffix(".new").unlink(missing_ok=True)  # nobody writes it while the lock is there
    remove_left(repository, lock, "packed-refs", "", since)


def _clear(repository: Repository, folder: Path) -> None:
    """Remove a dead operation's folder, and what was to be made of what is in it."""
    trees = repository.common_dir / "worktrees"
    for git_dir in (repository.common_dir, *(trees.iterdir() if trees.is_dir() else ())):
        lock = git_dir / "index.lock"
        if any(is_left_lock(lock, file) for file in folder.iterdir()):
            lock.unlink(missing_ok=True)
    for draft in folder.glob(f"{DRAFT}*"):
        remove_begun(repository, draft)
    shutil.rmtree(folder, ignore_errors=True)


def _sweep(journal: Journal) -> None:
    """Remove kernel locks that nobody holds and that no lease and no operation needs."""
    with journal.writing(durable=False) as transaction:
        named = {started.operation for started in open_operations(transaction)}
        leases = transaction.snapshot("leases") or ""
        for path in abandoned(journal.place):
            if path.name not in named and f'"{path.name}"' not in leases:
                bury(journal.place, path.name)


def _folders(place: Place) -> list[Path]:
    return sorted(place.work.iterdir()) if place.work.is_dir() else []
