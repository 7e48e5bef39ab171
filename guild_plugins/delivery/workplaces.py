"""Work places: a branch and a work tree for one scope of one task.

The table is what the journal's events give; it is kept as a snapshot beside them,
written in the transaction that adds the event. `apply` is pure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from guild_plugins.coordination.errors import JournalDamaged
from guild_plugins.coordination.journal import Journal, Transaction
from guild_plugins.coordination.liveness import is_locked
from guild_plugins.coordination.place import Place
from guild_plugins.errors import Exit, GuildError
from guild_plugins.scopes.model import ScopeId
from guild_plugins.stages.codec import Undecodable, decode, encode
from guild_plugins.stages.events import (
    Copied,
    Event,
    WorkplaceAbandoned,
    WorkplaceBegun,
    WorkplaceEvent,
    WorkplaceKept,
    WorkplaceMade,
    WorkplaceReady,
    WorkplaceStopped,
    WorkplaceStopping,
)

SNAPSHOT: Final = "workplaces"
KINDS: Final = (
    "WorkplaceBegun",
    "WorkplaceMade",
    "WorkplaceReady",
    "WorkplaceStopping",
    "WorkplaceStopped",
    "WorkplaceKept",
    "WorkplaceAbandoned",
)
State = Literal["begun", "made", "stopping"]


class NoSuchWorkplace(GuildError):
    """There is no work place for a task, or for a scope of it."""

    slug = "no-such-workplace"
    exit = Exit.USAGE
    remedy = "guild status lists them."

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return f"There is no work place {self.what}."


@dataclass(frozen=True, slots=True)
class Workplace:
    """One work place; the fields are those of `WorkplaceBegun`.

    :param state: ``begun``: nothing of it may be relied on. ``made``: it is there.
        ``stopping``: it is being removed.
    :param is_ready: The set-up command has done its work, or there is none.
    :param operation: Who is at it, or was last; ``at`` is when that began.
    :param tip: Where its branch was when it began to be removed; ``tree`` and ``staged``
        are what its files and its index were as trees.
    """

    id: str
    task: str
    scope: ScopeId
    branch: str
    path: str
    git_dir: str | None
    onto: str
    base: str
    makes_branch: bool
    number: int
    operation: str
    at: float
    state: State = "begun"
    is_ready: bool = False
    copied: tuple[Copied, ...] = ()
    tip: str = ""
    tree: str = ""
    staged: str = ""

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.task}/{self.scope}"

    @property
    def reason(self) -> str:
        """The reason that its work tree is locked for; nobody else's has it."""
        return f"guild:{self.id}"


@dataclass(frozen=True, slots=True)
class Table:
    """All work places, in the order in which they were begun."""

    places: tuple[Workplace, ...] = ()


class Workplaces:
    """The work places of one repository."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    @property
    def turn(self) -> Path:
        """The lock of whoever makes or removes work places."""
        return self.journal.place.folder / "workplaces.lock"

    def all(self) -> tuple[Workplace, ...]:
        """Return the work places; waits for nobody."""
        with self.journal.reading() as transaction:
            return self._table(transaction).places if transaction is not None else ()

    def record(self, *events: WorkplaceEvent) -> None:
        """Note what happened; durable when this returns."""
        with self.journal.writing() as transaction:
            table = self._table(transaction)
            transaction.append(*events)
            for event in events:
                table = apply(table, event)
            transaction.keep(SNAPSHOT, encode(table))

    def agrees(self) -> bool:
        """Say whether the table that is kept is what its events give."""
        with self.journal.reading() as transaction:
            if transaction is None or transaction.snapshot(SNAPSHOT) is None:
                return True
            return self._table(transaction) == self._replayed(transaction)

    def rebuild(self) -> None:
        """Make the table from its events."""
        with self.journal.writing() as transaction:
            transaction.keep(SNAPSHOT, encode(self._replayed(transaction)))

    def _table(self, transaction: Transaction) -> Table:
        text = transaction.snapshot(SNAPSHOT)
        try:
            return decode(Table, text) if text is not None else self._replayed(transaction)
        except Undecodable as error:
            raise JournalDamaged(str(self.journal.place.database), str(error)) from None

    def _replayed(self, transaction: Transaction) -> Table:
        table = Table()
        try:
            for event in transaction.events(KINDS):
                table = apply(table, event)
        except Undecodable as error:
            raise JournalDamaged(str(self.journal.place.database), str(error)) from None
        return table


def apply(table: Table, event: Event) -> Table:
    """Return the table after an event; one of a work place that is not there changes nothing."""
    match event:
        case WorkplaceBegun():
            return Table((*table.places, _begun(event)))
        case WorkplaceStopped() | WorkplaceAbandoned():
            return Table(tuple(one for one in table.places if one.id != event.place))
        case WorkplaceMade(copied=copied):
            return _with(table, event, state="made", copied=copied)
        case WorkplaceReady():
            return _with(table, event, is_ready=True)
        case WorkplaceStopping(tip=tip, tree=tree, staged=staged):
            return _with(table, event, state="stopping", tip=tip, tree=tree, staged=staged)
        case WorkplaceKept():
            return _with(table, event, state="made")
    return table


def is_alive(place: Place, one: Workplace) -> bool:
    """Say whether somebody is at work on a work place: making it, setting it up, removing it."""
    return is_locked(place.holders / one.operation)


def _begun(event: WorkplaceBegun) -> Workplace:
    return Workplace(
        id=event.place,
        task=event.task,
        scope=event.scope or "",
        branch=event.branch,
        path=event.path,
        git_dir=event.git_dir,
        onto=event.onto,
        base=event.base,
        makes_branch=event.makes_branch,
        number=event.number,
        operation=event.operation,
        at=event.at,
    )


def _with(table: Table, event: WorkplaceEvent, **changes: object) -> Table:
    changed = {"operation": event.operation, "at": event.at, **changes}
    return Table(
        tuple(
            replace(one, **changed) if one.id == event.place else one  # type: ignore[arg-type]
            for one in table.places
        )
    )
