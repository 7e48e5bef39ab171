"""What happened: facts, frozen, named in the past tense.

Every fact has an id, so that writing it twice leaves it once, and names the fact
that led to it. State is what their replay gives. New kinds are added to ``KINDS``;
the journal keeps those that it does not know.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

from guild_plugins.stages.leases import Claim, Holder, Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fact.

    :param at: Seconds since 1970.
    :param cause: The id of the fact that led to this one.
    :param scope: The scope that it is about, if it is about one.
    """

    id: str
    at: float
    cause: str | None = None
    scope: str | None = None


# -- leases --------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRequested(Event):
    """A holder asked for leases, all of them or none.

    :param lease: The lease that it is to become.
    :param ttl: Seconds that the lease may last; ``None`` for as long as the holder lives.
    :param waits: Whether the holder waits until it can be had.
    """

    lease: str
    holder: Holder
    claims: tuple[Claim, ...]
    ttl: float | None
    waits: bool
    now: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRenewed(Event):
    """A holder said that it still works; its time starts again."""

    lease: str
    now: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseReleased(Event):
    """A holder gave a lease back, or stopped waiting for it.

    :param by: Who said so, where it was not the holder.
    """

    lease: str
    now: Moment
    by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseHandedOver(Event):
    """A lease goes on under another holder of the same group, for so long from now."""

    lease: str
    holder: Holder
    ttl: float | None
    now: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderDied(Event):
    """A holder is gone, and this is how that is known."""

    holder: str
    proof: str
    now: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class TimePassed(Event):
    """Someone looked at the clock, and at least one lease's time was over."""

    now: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseGranted(Event):
    """A holder has what it asked for.

    :param generation: Larger than that of every lease before, on anything.
    """

    lease: str
    holder: str
    name: str
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRefused(Event):
    """A holder does not get what it asked for."""

    lease: str
    name: str
    reason: Literal["held", "deadlock"]
    by: tuple[str, ...]
    """The leases in the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseLost(Event):
    """A lease was taken from its holder, whose later writes are refused.

    :param generation: The lease's own.
    """

    lease: str
    holder: str
    name: str
    generation: int
    reason: Literal["died", "expired"]


# -- operations ----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationStarted(Event):
    """All is written, and one reference is about to move.

    Whoever finds that the process is dead looks at the reference: it moved or it
    did not, and everything else follows.

    :param operation: Also the name of the kernel lock of whoever does it.
    :param old: What the reference is expected to be; ``None`` if there is none yet.
    :param git_dir: The git directory of the work tree that it is done in.
    """

    operation: str
    what: str
    git_dir: str
    reference: str
    old: str | None
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceMoved(Event):
    """A reference was moved."""

    operation: str
    what: str
    git_dir: str
    reference: str
    old: str | None
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationAbandoned(Event):
    """An operation ended, and its reference was not moved."""

    operation: str
    reason: str


KINDS: tuple[type[Event], ...] = (
    LeaseRequested,
    LeaseRenewed,
    LeaseReleased,
    LeaseHandedOver,
    HolderDied,
    TimePassed,
    LeaseGranted,
    LeaseRefused,
    LeaseLost,
    OperationStarted,
    ReferenceMoved,
    OperationAbandoned,
)


def fresh_id() -> str:
    """Return an id that nobody else has."""
    return os.urandom(16).hex()
