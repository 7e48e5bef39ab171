"""Leases in one repository: the table's shell over the journal.

Every step is one transaction in the gate: the table as it was left, the holders that
died since, the step itself, and what follows from it. Who waits looks at the table
without the gate until the answer is there; whoever gives a lease back decides who
has it next.

A holder has a kernel lock while it asks and waits. ``guild lock PATH -- COMMAND``
keeps it open together with the command and all of its children, so the lease ends
with the last of them. ``guild lock PATH`` ends at once: it hands its lease over to a
name, which holds it for some time, or as long as a process that it names.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from guild_plugins.coordination import here
from guild_plugins.coordination.claims import any_conflict, are_together
from guild_plugins.coordination.errors import JournalDamaged
from guild_plugins.coordination.journal import Journal, Transaction
from guild_plugins.coordination.lease_errors import LeaseGone, LeaseHeld, LeaseWaitBroken
from guild_plugins.coordination.liveness import Pulse, bury, proof_of_death
from guild_plugins.coordination.table import (
    Facts,
    Grant,
    Instruction,
    Lease,
    LeaseTable,
    Refuse,
    Request,
    Take,
)
from guild_plugins.stages.codec import Undecodable, decode, encode
from guild_plugins.stages.events import (
    Event,
    HolderDied,
    LeaseGranted,
    LeaseHandedOver,
    LeaseLost,
    LeaseRefused,
    LeaseReleased,
    LeaseRenewed,
    LeaseRequested,
    TimePassed,
    fresh_id,
)
from guild_plugins.stages.leases import Claim, Holder

SNAPSHOT: Final = "leases"
INPUTS: Final = (
    "LeaseRequested",
    "LeaseRenewed",
    "LeaseReleased",
    "LeaseHandedOver",
    "HolderDied",
    "TimePassed",
)
"""The kinds that the table is made from; the others say what it answered."""

FIRST_PAUSE, LONGEST_PAUSE = 0.001, 0.02


@dataclass(frozen=True, slots=True)
class Held:
    """A lease in one's hands, and the kernel lock that keeps it."""

    lease: Lease
    pulse: Pulse


class Leases:
    """The leases of one repository."""

    def __init__(self, journal: Journal) -> None:
        self.journal, self.place = journal, journal.place

    def facts(self) -> Facts:
        """Return the table as it was left by whoever wrote last; waits for nobody."""
        text = self.journal.snapshot(SNAPSHOT)
        return self._decoded(text) if text is not None else Facts()

    def take(
        self,
        holder: Holder,
        claims: Sequence[Claim],
        *,
        ttl: float | None = None,
        patience: float | None = 0.0,
    ) -> Held:
        """Take a lease on all of the claims, or on none.

        :param holder: With a kernel lock as its proof; the lock is made here.
        :param ttl: Seconds that it may last, even if the holder lives longer.
        :param patience: Seconds to wait; ``None`` for as long as it takes.
        :raises LeaseHeld: Somebody else has it, and did not give it back in time.
        :raises LeaseWaitBroken: Waiting would never have ended.
        """
        now = here.now()
        request = LeaseRequested(
            id=fresh_id(),
            at=now.wall,
            lease=fresh_id()[:12],
            holder=holder,
            claims=tuple(claims),
            ttl=ttl,
            waits=patience != 0,
            now=now,
        )
        pulse = None
        try:
            with self.journal.writing() as transaction:
                pulse = Pulse(self.place, holder.id)
                answers = self._step(transaction, request)
            lease = _granted(answers, request.lease)
            return Held(lease or self._wait(request, patience), pulse)
        except BaseException:
            if pulse is not None:
                pulse.stop()
                bury(self.place, holder.id)
            raise

    def give_back(self, lease: str, *, by: str | None = None) -> None:
        """Give a lease back, or stop waiting for it; once more is no error."""
        now = here.now()
        event = LeaseReleased(id=fresh_id(), at=now.wall, lease=lease, by=by, now=now)
        with self.journal.writing() as transaction:
            self._step(transaction, event)

    def end(self, held: Held) -> bool:
        """End what one holds, unless a child has inherited it; say whether one has.

        Letting go and giving back is one step in the gate, so that nobody finds a
        dead holder in between.
        """
        now = here.now()
        event = LeaseReleased(id=fresh_id(), at=now.wall, lease=held.lease.id, now=now)
        with self.journal.writing() as transaction:
            if held.pulse.stop():
                return True
            self._step(transaction, event, ended=held.lease.holder.id)
        bury(self.place, held.lease.holder.id)
        return False

    def hand_over(self, held: Held, holder: Holder, ttl: float | None) -> Lease:
        """Let a lease go on under another holder of the group, for so long from now."""
        now = here.now()
        event = LeaseHandedOver(
            id=fresh_id(), at=now.wall, lease=held.lease.id, holder=holder, ttl=ttl, now=now
        )
        with self.journal.writing() as transaction:
            self._step(transaction, event)
        held.pulse.stop()
        bury(self.place, held.lease.holder.id)
        return replace(held.lease, holder=holder, ttl=ttl)

    def renew(self, lease: str) -> None:
        """Start a lease's time again; a lease that is over stays so."""
        now = here.now()
        with self.journal.writing(durable=False) as transaction:
            self._step(transaction, LeaseRenewed(id=fresh_id(), at=now.wall, lease=lease, now=now))

    def tend(self) -> None:
        """Take the leases of the dead, and those whose time is over, and pass them on."""
        if self._needs_care(LeaseTable(self.facts())):
            with self.journal.writing() as transaction:
                self._step(transaction, None)

    def agrees(self) -> bool:
        """Say whether the table that is kept is what its events give."""
        with self.journal.reading() as transaction:
            if transaction is None or (text := transaction.snapshot(SNAPSHOT)) is None:
                return True
            return self._decoded(text) == self._replayed(transaction)

    def rebuild(self) -> None:
        """Make the table from its events."""
        with self.journal.writing() as transaction:
            transaction.keep(SNAPSHOT, encode(self._replayed(transaction)))

    @contextmanager
    def fenced(
        self, holder: Holder, claims: Sequence[Claim], shown: Sequence[tuple[str, int]]
    ) -> Iterator[Transaction]:
        """Act while nobody can take over: in the gate, once the right to act is shown.

        :param claims: What is about to be changed.
        :param shown: The leases, with their generations, that the caller works under.
        :raises LeaseGone: One of them is over, or the name was overtaken.
        :raises LeaseHeld: Somebody else has a lease on part of it.
        """
        with self.journal.writing() as transaction:
            self._step(transaction, None)
            table = LeaseTable(self._kept(transaction))
            _check_right(table, holder, tuple(claims), shown)
            yield transaction

    # -- the step --------------------------------------------------------------

    def _step(
        self, transaction: Transaction, event: Event | None, *, ended: str | None = None
    ) -> list[Instruction]:
        """Apply the deaths that can be seen, then the event, and keep what follows.

        :param ended: A holder that is about to say itself that it ends.
        """
        table = LeaseTable(self._kept(transaction))
        before = table.facts
        answers: list[Instruction] = []
        for fact in (*self._seen(table, ended), *([event] if event else [])):
            follows = table.handle(fact)
            answers += follows
            transaction.append(fact, *(_told(one, fact) for one in follows))
            if isinstance(fact, HolderDied):
                bury(self.place, fact.holder)
        if table.facts != before:
            transaction.keep(SNAPSHOT, encode(table.facts))
        return answers

    def _seen(self, table: LeaseTable, ended: str | None = None) -> Iterator[Event]:
        now = here.now()
        for holder in table.holders():
            proof = proof_of_death(self.place, holder) if holder.id != ended else None
            if proof is not None:
                yield HolderDied(id=fresh_id(), at=now.wall, holder=holder.id, proof=proof, now=now)
        if table.has_expired(now):
            yield TimePassed(id=fresh_id(), at=now.wall, now=now)

    def _needs_care(self, table: LeaseTable) -> bool:
        return next(self._seen(table), None) is not None

    def _kept(self, transaction: Transaction) -> Facts:
        """Return the table from its snapshot, or from the events where there is none."""
        text = transaction.snapshot(SNAPSHOT)
        return self._decoded(text) if text is not None else self._replayed(transaction)

    def _replayed(self, transaction: Transaction) -> Facts:
        table = LeaseTable()
        try:
            for event in transaction.events(INPUTS):
                table.handle(event)
        except Undecodable as error:
            raise JournalDamaged(str(self.place.database), str(error)) from None
        return table.facts

    def _decoded(self, text: str) -> Facts:
        try:
            return decode(Facts, text)
        except Undecodable as error:
            raise JournalDamaged(str(self.place.database), str(error)) from None

    # -- waiting ---------------------------------------------------------------

    def _wait(self, request: LeaseRequested, patience: float | None) -> Lease:
        deadline = None if patience is None else time.monotonic() + patience
        pause = FIRST_PAUSE
        try:
            while True:
                table = LeaseTable(self.facts())
                if request.lease in table.leases:
                    return table.leases[request.lease]
                if request.lease not in table.queue:
                    raise self._refusal(request, table)
                if self._needs_care(table):
                    self.tend()
                    continue
                if deadline is not None and time.monotonic() > deadline:
                    raise LeaseHeld.by(table.blockers(table.queue[request.lease]))
                time.sleep(pause)
                pause = min(pause * 1.5, LONGEST_PAUSE)
        except BaseException:
            self.give_back(request.lease)
            raise

    def _refusal(self, request: LeaseRequested, table: LeaseTable) -> Exception:
        """Say why a request is neither waiting nor granted any more."""
        for line in self.journal.lines(types=["LeaseRefused", "LeaseLost", "LeaseReleased"]):
            event = line.event
            if isinstance(event, LeaseRefused) and event.lease == request.lease:
                names = (table.leases[one].holder.name for one in event.by if one in table.leases)
                return LeaseWaitBroken(tuple(names))
        return LeaseGone(request.lease, "it was taken away while it was waited for")


def _granted(answers: Sequence[Instruction], lease: str) -> Lease | None:
    """Return the lease if it was granted.

    :raises LeaseHeld: It was refused.
    :raises LeaseWaitBroken: It was refused, since waiting would never have ended.
    """
    for answer in answers:
        match answer:
            case Grant(granted) if granted.id == lease:
                return granted
            case Refuse(request, reason, blockers) if request.lease == lease:
                if reason == "held":
                    raise LeaseHeld.by(blockers)
                raise LeaseWaitBroken(tuple(blocker.holder.name for blocker in blockers))
    return None


def _told(instruction: Instruction, cause: Event) -> Event:
    """Return the fact that tells people what the table answered."""
    head = {"id": fresh_id(), "cause": cause.id}
    match instruction:
        case Grant(lease):
            return LeaseGranted(
                **head,
                at=cause.at,
                lease=lease.id,
                holder=lease.holder.id,
                name=lease.holder.name,
                generation=lease.generation,
            )
        case Refuse(request, reason, blockers):
            return LeaseRefused(
                **head,
                at=cause.at,
                lease=request.lease,
                name=request.holder.name,
                reason=reason,
                by=tuple(map(_id_of, blockers)),
            )
        case Take(lease, reason):
            return LeaseLost(
                **head,
                at=cause.at,
                lease=lease.id,
                holder=lease.holder.id,
                name=lease.holder.name,
                generation=lease.generation,
                reason=reason,
            )


def _id_of(blocker: Lease | Request) -> str:
    return blocker.id if isinstance(blocker, Lease) else blocker.lease


def _check_right(
    table: LeaseTable, holder: Holder, claims: tuple[Claim, ...], shown: Sequence[tuple[str, int]]
) -> None:
    now = here.now()
    for lease, generation in shown:
        if not table.is_valid(lease, generation, now):
            raise LeaseGone(lease, "its time was over, or it was taken over")
    for lost in table.lost:
        if (
            lost.by is not None
            and are_together(lost.lease.holder, holder)
            and any_conflict(lost.lease.claims, claims)
        ):
            raise LeaseGone(lost.lease.id, f"its time was over, and {lost.by} had it since")
    in_the_way = [
        lease
        for lease in table.leases.values()
        if not are_together(lease.holder, holder) and any_conflict(lease.claims, claims)
    ]
    if in_the_way:
        raise LeaseHeld.by(in_the_way)
