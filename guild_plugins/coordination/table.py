"""The lease table: who may change what, and who waits for it. Pure.

Events in, instructions out; time comes in the events. The rules:

1. A request is for all of its claims or none, so nobody holds a part and waits for
   the rest.
2. It is granted when no lease conflicts with it, and no earlier request does that
   still waits: nobody is overtaken. One exception keeps an upgrade from waiting for
   itself: a request that waits for the asker's own lease does not hold the asker up.
3. Each grant has a generation, larger than all before. A lease that ended, by release,
   death or time, never comes back, and its generation is worth nothing any more.
4. Where the waiting goes round in a circle, the youngest request in it is refused.
5. A lease with a time is over when that has passed: to the tick on the host that it
   was granted on, and `MARGIN` later by anyone else's clock.

An event about a lease that is not there, or not any more, changes nothing. That a
request is made once is the journal's care, which has each event once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from guild_plugins.coordination.claims import any_conflict, are_together
from guild_plugins.scopes.cycles import find_cycle
from guild_plugins.stages.events import (
    Event,
    HolderDied,
    LeaseHandedOver,
    LeaseReleased,
    LeaseRenewed,
    LeaseRequested,
    TimePassed,
)
from guild_plugins.stages.leases import Claim, Holder, Moment

MARGIN: Final = 60.0
"""Seconds that the clocks of two hosts may differ."""

REMEMBERED: Final = 256
"""Lost leases of names that are kept in mind, the newest first to stay."""

# -- facts ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Request:
    """What waits.

    :param number: Its place in the order of asking.
    """

    lease: str
    holder: Holder
    claims: tuple[Claim, ...]
    ttl: float | None
    number: int
    asked: Moment


@dataclass(frozen=True, slots=True)
class Lease:
    """What is held.

    :param until: When its time is over; ``None`` for as long as the holder lives.
    """

    id: str
    holder: Holder
    claims: tuple[Claim, ...]
    generation: int
    granted: Moment
    ttl: float | None = None
    until: Moment | None = None


@dataclass(frozen=True, slots=True)
class Overtaken:
    """A lease that its holder lost, and that somebody else was granted afterwards.

    Whoever works under that name may not know it yet.
    """

    lease: Lease
    by: str | None = None
    """The name of who was granted it; ``None`` as long as nobody was."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The whole state, as a value."""

    generation: int = 0
    asked: int = 0
    leases: tuple[Lease, ...] = ()
    queue: tuple[Request, ...] = ()
    lost: tuple[Overtaken, ...] = ()


# -- instructions --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Grant:
    """Tell the holder that it has the lease."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class Refuse:
    """Tell the holder that it will not get the lease."""

    request: Request
    reason: Literal["held", "deadlock"]
    blockers: tuple[Lease | Request, ...]


@dataclass(frozen=True, slots=True)
class Take:
    """The lease is no longer the holder's."""

    lease: Lease
    reason: Literal["died", "expired"]


Instruction = Grant | Refuse | Take


class LeaseTable:
    """The table, and what changes it."""

    def __init__(self, facts: Facts | None = None) -> None:
        facts = facts or Facts()
        self.generation, self.asked = facts.generation, facts.asked
        self.leases = {lease.id: lease for lease in facts.leases}
        self.queue = {request.lease: request for request in facts.queue}
        self.lost = list(facts.lost)

    @property
    def facts(self) -> Facts:
        """All that is known, to be kept."""
        return Facts(
            generation=self.generation,
            asked=self.asked,
            leases=tuple(self.leases.values()),
            queue=tuple(self.queue.values()),
            lost=tuple(self.lost),
        )

    def handle(self, event: Event) -> list[Instruction]:
        """Apply one event, and return what follows. Kinds that are not about leases are let be."""
        rule = _RULES.get(type(event))
        if rule is None:
            return []
        now: Moment = event.now  # type: ignore[attr-defined]
        return [*self._expire(now), *rule(self, event), *self._settle(now)]

    def holders(self) -> Iterator[Holder]:
        """Return everyone who holds or waits, each once."""
        waiting = (request.holder for request in self.queue.values())
        held = (lease.holder for lease in self.leases.values())
        yield from {holder.id: holder for holder in (*held, *waiting)}.values()

    def has_expired(self, now: Moment) -> bool:
        """Say whether a lease's time is over that is still in the table."""
        return any(_is_over(lease, now) for lease in self.leases.values())

    def is_valid(self, lease: str, generation: int, now: Moment) -> bool:
        """Say whether a lease may still be acted on."""
        held = self.leases.get(lease)
        return held is not None and held.generation == generation and not _is_over(held, now)

    def blockers(self, request: Request) -> list[Lease | Request]:
        """Return what a request waits for: leases, and requests before it."""
        holders = self._conflicting_leases(request)
        return [*holders, *self._conflicting_requests(request)]

    # -- rules -----------------------------------------------------------------

    def _request(self, event: LeaseRequested) -> list[Instruction]:
        if event.lease in self.leases or event.lease in self.queue:
            return []
        number = self.asked + 1
        request = Request(event.lease, event.holder, event.claims, event.ttl, number, event.now)
        blockers = self.blockers(request)
        if blockers and not event.waits:
            return [Refuse(request, "held", tuple(blockers))]
        self.asked, self.queue[request.lease] = number, request
        return []

    def _renew(self, event: LeaseRenewed) -> list[Instruction]:
        lease = self.leases.get(event.lease)
        if lease is not None:
            self.leases[lease.id] = replace(lease, until=_end(event.now, lease.ttl))
        return []

    def _release(self, event: LeaseReleased) -> list[Instruction]:
        self.queue.pop(event.lease, None)
        self.leases.pop(event.lease, None)
        self.lost = [lost for lost in self.lost if lost.lease.id != event.lease]
        return []

    def _hand_over(self, event: LeaseHandedOver) -> list[Instruction]:
        lease = self.leases.get(event.lease)
        if lease is not None and lease.holder.group == event.holder.group:
            until = _end(event.now, event.ttl)
            self.leases[lease.id] = replace(lease, holder=event.holder, ttl=event.ttl, until=until)
        return []

    def _bury(self, event: HolderDied) -> list[Instruction]:
        for request in [r for r in self.queue.values() if r.holder.id == event.holder]:
            del self.queue[request.lease]
        dead = [lease for lease in self.leases.values() if lease.holder.id == event.holder]
        return [self._take(lease, "died") for lease in dead]

    def _wait(self, _: TimePassed) -> list[Instruction]:
        return []  # what is over was taken before any event

    # -- parts of the above ----------------------------------------------------

    def _expire(self, now: Moment) -> list[Instruction]:
        over = [lease for lease in self.leases.values() if _is_over(lease, now)]
        return [self._take(lease, "expired") for lease in over]

    def _take(self, lease: Lease, reason: Literal["died", "expired"]) -> Take:
        del self.leases[lease.id]
        if lease.holder.proof != "kernel":  # a command shows its generation instead
            self.lost = [*self.lost, Overtaken(lease)][-REMEMBERED:]
        return Take(lease, reason)

    def _settle(self, now: Moment) -> list[Instruction]:
        """Grant all that can be granted, and break circles, until neither is left."""
        instructions: list[Instruction] = []
        while self.queue:
            ready = next((r for r in self.queue.values() if not self.blockers(r)), None)
            if ready is not None:
                instructions.append(self._grant(ready, now))
                continue
            victim = self._youngest_in_a_circle()
            if victim is None:
                break
            blockers = tuple(self.blockers(victim))
            del self.queue[victim.lease]
            instructions.append(Refuse(victim, "deadlock", blockers))
        return instructions

    def _grant(self, request: Request, now: Moment) -> Grant:
        del self.queue[request.lease]
        self.generation += 1
        lease = Lease(
            id=request.lease,
            holder=request.holder,
            claims=request.claims,
            generation=self.generation,
            granted=now,
            ttl=request.ttl,
            until=_end(now, request.ttl),
        )
        self.leases[lease.id] = lease
        self.lost = list(self._after(lease))
        return Grant(lease)

    def _after(self, lease: Lease) -> Iterator[Overtaken]:
        """Note who was overtaken; a name that has its right again has lost nothing."""
        for lost in self.lost:
            if not any_conflict(lost.lease.claims, lease.claims):
                yield lost
            elif not are_together(lost.lease.holder, lease.holder):
                yield replace(lost, by=lost.by or lease.holder.name)

    def _youngest_in_a_circle(self) -> Request | None:
        """Look for requests each of which waits for the group of the next."""
        asking: dict[str, set[str]] = {}
        for request in self.queue.values():
            asking.setdefault(request.holder.group, set()).add(request.lease)
        waits = {
            request.lease: {
                other
                for blocker in self.blockers(request)
                for other in asking.get(blocker.holder.group, ())
            }
            for request in self.queue.values()
        }
        circle = [self.queue[name] for name in find_cycle(waits)]
        return max(circle, key=lambda request: request.number, default=None)

    def _conflicting_leases(self, request: Request) -> list[Lease]:
        return [lease for lease in self.leases.values() if _are_apart(lease, request)]

    def _conflicting_requests(self, request: Request) -> Iterator[Request]:
        for earlier in self.queue.values():
            if earlier.number >= request.number or not _are_apart(earlier, request):
                continue
            held_up_by = self._conflicting_leases(earlier)
            if not any(are_together(lease.holder, request.holder) for lease in held_up_by):
                yield earlier


_RULES: Final[dict[type[Event], Callable[[LeaseTable, Any], list[Instruction]]]] = {
    LeaseRequested: LeaseTable._request,
    LeaseRenewed: LeaseTable._renew,
    LeaseReleased: LeaseTable._release,
    LeaseHandedOver: LeaseTable._hand_over,
    HolderDied: LeaseTable._bury,
    TimePassed: LeaseTable._wait,
}


def _are_apart(one: Lease | Request, other: Lease | Request) -> bool:
    return not are_together(one.holder, other.holder) and any_conflict(one.claims, other.claims)


def _end(now: Moment, ttl: float | None) -> Moment | None:
    return None if ttl is None else Moment(now.wall + ttl, now.ticks + ttl, now.boot)


def _is_over(lease: Lease, now: Moment) -> bool:
    if lease.until is None:
        return False
    if lease.until.boot == now.boot:
        return now.ticks >= lease.until.ticks
    return now.wall >= lease.until.wall + MARGIN
