"""One operation: its folder, its kernel lock, and the one reference that it moves."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from guild_plugins.coordination import here
from guild_plugins.coordination.errors import StateNotWritten
from guild_plugins.coordination.leases import Leases
from guild_plugins.coordination.liveness import Pulse, bury
from guild_plugins.coordination.place import prepare
from guild_plugins.coordination.remote_shown import VARIABLE, refuse_lost
from guild_plugins.delivery.recovery import moved
from guild_plugins.errors import GuildError
from guild_plugins.git.locks import gate
from guild_plugins.git.refs import move_ref, read_ref
from guild_plugins.git.repository import Repository
from guild_plugins.stages.events import OperationAbandoned, OperationStarted, fresh_id
from guild_plugins.stages.leases import Claim, Holder


@dataclass(frozen=True, slots=True)
class Operation:
    """What is being done, and where its files are.

    :param unnoted: What was begun, and of which no end could be noted yet.
    """

    id: str
    folder: Path
    pulse: Pulse
    unnoted: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Move:
    """A reference, and where it goes from where; ``old`` is ``None`` if it is new."""

    what: str
    reference: str
    old: str | None
    new: str
    message: str


@contextmanager
def operation(leases: Leases) -> Iterator[Operation]:
    """Begin an operation: its folder is there as long as it lasts.

    It stays where an end is not noted, so that the next command finds it (`recovery`).
    """
    place, name = leases.place, fresh_id()
    prepare(place)
    with gate(place.gate):  # so that nobody takes the lock for a dead one's
        pulse = Pulse(place, name)
    work = Operation(name, place.work / name, pulse)
    try:
        work.folder.mkdir()
        yield work
    finally:
        if not work.unnoted:
            shutil.rmtree(work.folder, ignore_errors=True)
        pulse.stop()
        bury(place, name)


def publish(
    repository: Repository,
    leases: Leases,
    work: Operation,
    move: Move,
    *,
    holder: Holder,
    claims: Sequence[Claim],
    shown: Sequence[tuple[str, int]],
) -> None:
    """Move the one reference, while nobody can take over what the caller works under.

    Noted before and after: a process that dies in between is found by `recovery`.

    :raises RefMoved: The reference is elsewhere; nothing was changed.
    :raises LeaseGone: The caller may not act any more; nothing was changed.
    :raises RemoteUnreachable: It works under a lease of a remote that does not answer.
    :raises LeaseHeld: Somebody else has a lease on part of it; nothing was changed.
    """
    if VARIABLE in os.environ:
        refuse_lost(repository.top, leases.place, os.environ)
    started = OperationStarted(
        id=fresh_id(),
        at=here.now().wall,
        operation=work.id,
        what=move.what,
        git_dir=str(repository.git_dir),
        reference=move.reference,
        old=move.old,
        new=move.new,
    )
    leases.journal.append(started)
    work.unnoted.add(started.id)
    try:
        with leases.fenced(holder, claims, shown) as transaction:
            move_ref(
                repository.top,
                move.reference,
                new=move.new,
                old=move.old,
                message=move.message,
                inherit=(work.pulse.handle,),
            )
            transaction.append(moved(started, here.now().wall))
        work.unnoted.clear()
    except StateNotWritten:
        if read_ref(repository.top, move.reference) != move.new:
            raise
        # It is done; only the note is missing, and the next command will make it.
    except GuildError as error:
        with suppress(GuildError):
            leases.journal.append(
                OperationAbandoned(
                    id=fresh_id(),
                    at=here.now().wall,
                    cause=started.id,
                    operation=work.id,
                    reason=error.slug,
                )
            )
            work.unnoted.clear()
        raise
