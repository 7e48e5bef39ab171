"""Why a lease cannot be had, or is one no longer."""

from __future__ import annotations

import time
from collections.abc import Sequence

from guild_plugins.coordination.table import Lease, Request
from guild_plugins.errors import Exit, GuildError


class LeaseHeld(GuildError):
    """Somebody else has a lease on part of it."""

    slug = "lease-held"
    exit = Exit.CONTENDED
    remedy = (
        "Wait for it with --wait, or talk to the holder; guild locks shows all leases,\n"
        "  and guild unlock --force LEASE takes one away from its holder."
    )

    def __init__(self, holders: tuple[str, ...]) -> None:
        super().__init__(holders)
        self.holders = holders

    def __str__(self) -> str:
        return f"Others are first: {'; '.join(self.holders) or 'they have just ended'}."

    @classmethod
    def by(cls, blockers: Sequence[Lease | Request]) -> LeaseHeld:
        """Return the error that names who is in the way."""
        return cls(tuple(map(_describe, blockers)))


class LeaseWaitBroken(GuildError):
    """Waiting went round in a circle, and this request was the youngest in it."""

    slug = "lease-deadlock"
    exit = Exit.CONTENDED
    remedy = "Give back what you hold, and take all that you need in one guild lock."

    def __init__(self, holders: tuple[str, ...]) -> None:
        super().__init__(holders)
        self.holders = holders

    def __str__(self) -> str:
        who = ", ".join(self.holders) or "others"
        return f"You and {who} were waiting for each other; you came last, so you give way."


class LeaseGone(GuildError):
    """A lease that the caller works under is not its own any more."""

    slug = "lease-gone"
    exit = Exit.CONTENDED
    remedy = "Take the lease again, and look at what changed before you go on."

    def __init__(self, lease: str, reason: str) -> None:
        super().__init__(lease, reason)
        self.lease, self.reason = lease, reason

    def __str__(self) -> str:
        return f"Lease {self.lease} cannot be acted on: {self.reason}."


class NoSuchLease(GuildError):
    """There is no such lease to give back."""

    slug = "no-such-lease"

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return f"No lease of yours is on {self.what}."


def _describe(blocker: Lease | Request) -> str:
    claims = ", ".join(map(str, blocker.claims))
    since = blocker.granted if isinstance(blocker, Lease) else blocker.asked
    minutes = max(0, int(time.time() - since.wall)) // 60
    verb = "has had" if isinstance(blocker, Lease) else "has waited for"
    pid = f", process {blocker.holder.pid}" if blocker.holder.pid else ""
    return f"{blocker.holder.name} {verb} {claims} for {minutes} min{pid}"
