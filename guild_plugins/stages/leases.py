"""What a lease is about: who holds it, on what, and when.

Plain values; they travel inside events and are kept in the journal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["read", "write"]
Proof = Literal["kernel", "process", "time"]
"""What tells that a holder lives.

``kernel``: a lock that the holder and its children keep open. ``process``: the
process is there, with the same start time. ``time``: nothing but the lease's own
time; it ends when that is over, or by hand.
"""


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time, as one host sees it.

    :param wall: Seconds since 1970: any host can compare it, and it may jump.
    :param ticks: Seconds since the host started, sleep included: it never jumps,
        and means nothing elsewhere.
    :param boot: Which start of the host the ticks count from.
    """

    wall: float
    ticks: float
    boot: str


@dataclass(frozen=True, slots=True)
class Holder:
    """Whoever asks for leases.

    :param id: Unique; also the name of the holder's kernel lock, where it has one.
    :param group: The holder that this one works for, or its own id. Within a
        group nobody is in anybody's way.
    :param name: For people: who this is.
    :param host: Names the machine and the process namespace.
    :param boot: Which start of that machine.
    :param started: When the process started, in the system's own unit; 0 if unknown.
    """

    id: str
    group: str
    name: str
    host: str
    boot: str
    pid: int
    started: int
    proof: Proof


@dataclass(frozen=True, slots=True)
class Claim:
    """A right that is asked for: to read or to write what some patterns name.

    :param patterns: As in the configuration (see `scopes.globs`).
    :param scope: Set where the claim is on a scope as a whole.
    :param spared: Patterns without wildcards inside ``patterns`` that belong to
        other scopes.
    """

    mode: Mode
    patterns: tuple[str, ...]
    scope: str | None = None
    spared: tuple[str, ...] = ()

    def __str__(self) -> str:
        what = f"scope {self.scope}" if self.scope else ", ".join(self.patterns)
        return f"{what} ({self.mode})"
