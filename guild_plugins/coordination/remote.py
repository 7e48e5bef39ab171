"""The lease table of several clones and machines: a document on the remote they share.

The rules are those of the table; each step reads it, applies what can be seen from
here, and swaps it, again until nobody was quicker. What differs from the table of
one clone:

- A lease always has a time, and whoever works under it says in time that it goes on.
- A holder on this host is dead when its kernel lock is free, which the holder's id
  names as a file; one on another host when its time and a margin are over.
- Nobody stands in line: a waiter of another host that died could not be told from one
  that waits. Who wants to wait asks again, in no order.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from guild_plugins.coordination import here
from guild_plugins.coordination.errors import JournalDamaged
from guild_plugins.coordination.lease_errors import LeaseHeld
from guild_plugins.coordination.liveness import proof_of_death
from guild_plugins.coordination.place import Place
from guild_plugins.coordination.table import Facts, Grant, Instruction, Lease, LeaseTable, Refuse
from guild_plugins.git.shared import Document, Shared
from guild_plugins.stages.codec import Undecodable, decode, encode
from guild_plugins.stages.events import (
    Event,
    HolderDied,
    LeaseHandedOver,
    LeaseReleased,
    LeaseRenewed,
    LeaseRequested,
    TimePassed,
    fresh_id,
)
from guild_plugins.stages.leases import Claim, Holder, Moment

REFERENCE: Final = "refs/guild/leases"
PAUSE: Final = 1.0
"""Seconds between two tries of who waits."""

Make = Callable[[Moment], Event]


class RemoteLeases:
    """The leases that all clones of one remote share."""

    def __init__(self, place: Place, shared: Shared) -> None:
        self._place, self._shared = place, shared

    def facts(self) -> Facts:
        """Return the table as it is now, without those whose end can be seen from here."""
        table = LeaseTable(self._decoded(self._shared.read()))
        for event in self._seen(table):
            table.handle(event)
        return table.facts

    def take(
        self, holder: Holder, claims: Sequence[Claim], *, ttl: float, patience: float | None
    ) -> Lease:
        """Take a lease on all of the claims, or on none.

        :param patience: Seconds to try again; ``None`` for as long as it takes.
        :raises LeaseHeld: Somebody else has it, and did not give it back in time.
        """
        deadline = None if patience is None else time.monotonic() + patience
        while True:
            name = fresh_id()[:12]
            answers = self._step(
                lambda now, name=name: LeaseRequested(  # type: ignore[misc]
                    id=fresh_id(),
                    at=now.wall,
                    lease=name,
                    holder=holder,
                    claims=tuple(claims),
                    ttl=ttl,
                    waits=False,
                    now=now,
                )
            )
            for answer in answers:
                if isinstance(answer, Grant) and answer.lease.id == name:
                    return answer.lease
            if deadline is not None and time.monotonic() >= deadline:
                blockers = [b for one in answers if isinstance(one, Refuse) for b in one.blockers]
                raise LeaseHeld.by(blockers)
            time.sleep(PAUSE * random.uniform(0.5, 1.0))  # noqa: S311 - spreads those that wait

    def renew(self, lease: str) -> None:
        """Start a lease's time again; a lease that is over stays so."""
        self._step(lambda now: LeaseRenewed(id=fresh_id(), at=now.wall, lease=lease, now=now))

    def give_back(self, lease: str, *, by: str | None = None) -> None:
        """Give a lease back; once more is no error."""
        self._step(
            lambda now: LeaseReleased(id=fresh_id(), at=now.wall, lease=lease, by=by, now=now)
        )

    def hand_over(self, lease: Lease, holder: Holder, ttl: float) -> Lease:
        """Let a lease go on under another holder of the group, for so long from now."""
        self._step(
            lambda now: LeaseHandedOver(
                id=fresh_id(), at=now.wall, lease=lease.id, holder=holder, ttl=ttl, now=now
            )
        )
        return replace(lease, holder=holder, ttl=ttl)

    def _step(self, make: Make) -> list[Instruction]:
        """Apply what can be seen and one event, again until nobody was quicker."""
        while True:
            document = self._shared.read()
            table = LeaseTable(self._decoded(document))
            before, answers = table.facts, []
            for event in (*self._seen(table), make(here.now())):
                answers += table.handle(event)
            if table.facts == before:
                return answers
            if self._shared.swap(document, encode(table.facts).encode()):
                return answers
            time.sleep(random.uniform(0.01, 0.2))  # noqa: S311 - spreads those that collided

    def _seen(self, table: LeaseTable) -> list[Event]:
        now = here.now()
        events: list[Event] = []
        for holder in table.holders():
            proof = proof_of_death(self._place, holder) if holder.host == here.host() else None
            if proof is not None:
                events.append(
                    HolderDied(id=fresh_id(), at=now.wall, holder=holder.id, proof=proof, now=now)
                )
        if table.has_expired(now):
            events.append(TimePassed(id=fresh_id(), at=now.wall, now=now))
        return events

    def _decoded(self, document: Document) -> Facts:
        try:
            return decode(Facts, document.content) if document.commit else Facts()
        except Undecodable as error:
            where = f"{self._shared.reference} on {self._shared.remote}"
            raise JournalDamaged(where, str(error)) from None
