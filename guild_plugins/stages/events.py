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


# -- work places ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Copied:
    """A file that a work place began with, and the SHA-256 of its content."""

    path: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkplaceEvent(Event):
    """Something happened to a work place.

    :param place: The work place's id.
    :param operation: Who did it; also the name of that process's kernel lock.
    """

    place: str
    operation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkplaceBegun(WorkplaceEvent):
    """A work place is about to be made; nothing of it is there yet.

    :param path: The work tree that is to be made; the one that is used, if none is.
    :param git_dir: The git directory of the work tree that is used; ``None`` if one is made.
    :param onto: What its work is for: a branch's full name, else a commit.
    :param base: The commit that it begins at.
    :param makes_branch: Whether the branch is new.
    :param number: Its block of ports, counted from 0.
    """

    task: str
    branch: str
    path: str
    git_dir: str | None
    onto: str
    base: str
    makes_branch: bool
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkplaceMade(WorkplaceEvent):
    """Branch and work tree are there, and were looked at."""

    copied: tuple[Copied, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkplaceReady(WorkplaceEvent):
    """The set-up command has done its work, or there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkplaceStopping(WorkplaceEvent):
    """A work place is about to be removed.

    :param tip: Where its branch is; the branch goes if it is still there.
    :param tree: What its files are as a tree; it goes if they still are.
    :param staged: What its index is as a tree, likewise.
    """

    tip: str
    tree: str
    staged: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkplaceStopped(WorkplaceEvent):
    """A work place is gone.

    :param backup: The reference that keeps what was in it, where something was.
    """

    backup: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkplaceKept(WorkplaceEvent):
    """A work place was not removed after all."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkplaceAbandoned(WorkplaceEvent):
    """A work place was not made, and nothing of it is left."""

    reason: str


# -- commits -------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitMade(Event):
    """Git made a commit in a work tree; told by its hook."""

    branch: str | None
    commit: str
    git_dir: str


# -- landings ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LandedBranch:
    """One branch of a landing: where it was, and the commit that it became."""

    task: str
    scope: str
    branch: str
    tip: str
    commit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LandingStarted(Event):
    """All commits of a landing are written, proven and pinned, and trunk is about to move.

    :param operation: Also the name of the kernel lock of whoever does it.
    :param onto: Trunk's full name; it is expected at ``old`` and goes to ``new``.
    :param generations: Of the lease that each was written under; 0 for none.
    """

    operation: str
    onto: str
    old: str
    new: str
    landed: tuple[LandedBranch, ...]
    generations: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LandingEnded(Event):
    """A landing is over, and nothing of it is left to do.

    :param moved: Whether trunk moved.
    """

    operation: str
    moved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LandingRefused(Event):
    """A branch did not land, and stays as it was.

    :param kind: ``conflict``, ``gates``, ``tests``, ``lease``, ``proof``, ``dirty`` or ``moved``.
    """

    task: str
    branch: str
    tip: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueChanged(Event):
    """Somebody changed the list of branches that wait to be landed.

    :param branch: Its full name; empty where it is about all.
    :param place: Where it is to stand, counted from 0.
    """

    what: Literal["added", "removed", "ordered", "paused", "resumed"]
    branch: str = ""
    place: int = 0


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
    WorkplaceBegun,
    WorkplaceMade,
    WorkplaceReady,
    WorkplaceStopping,
    WorkplaceStopped,
    WorkplaceKept,
    WorkplaceAbandoned,
    CommitMade,
    LandingStarted,
    LandingEnded,
    LandingRefused,
    QueueChanged,
)


def fresh_id() -> str:
    """Return an id that nobody else has."""
    return os.urandom(16).hex()
