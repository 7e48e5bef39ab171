"""Leases of a remote's table that a command works under: passed on to it, and checked.

``GUILD_REMOTE_LEASES`` names them, each as ``LEASE:GENERATION:REMOTE``. Whoever acts under
one asks the remote whether it still stands. Between the answer and the act nobody else can
have it: one on another host waits for the lease's time and a margin.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from guild_plugins.coordination import here
from guild_plugins.coordination.lease_errors import LeaseGone
from guild_plugins.coordination.place import Place
from guild_plugins.coordination.remote import REFERENCE, RemoteLeases
from guild_plugins.coordination.table import Lease, LeaseTable
from guild_plugins.git.shared import Shared

VARIABLE: Final = "GUILD_REMOTE_LEASES"


class Shown(NamedTuple):
    """A lease that this process works under."""

    lease: str
    generation: int
    remote: str


def passed_on_from(environ: Mapping[str, str], remote: str, lease: Lease) -> dict[str, str]:
    """Return the environment of a command that a remote's lease is held for."""
    one = f"{lease.id}:{lease.generation}:{quote(remote, safe='')}"
    return {**environ, VARIABLE: f"{environ.get(VARIABLE, '')} {one}".strip()}


def shown_remotely(environ: Mapping[str, str]) -> Iterator[Shown]:
    """Yield the leases of remotes that this process works under."""
    for word in environ.get(VARIABLE, "").split():
        lease, _, rest = word.partition(":")
        number, _, remote = rest.partition(":")
        if number.isdigit():
            yield Shown(lease, int(number), unquote(remote))


def refuse_lost(top: Path, place: Place, environ: Mapping[str, str]) -> None:
    """Refuse to go on under a remote's lease that is over.

    :raises LeaseGone: One is.
    :raises RemoteUnreachable: The remote does not say.
    """
    for one in shown_remotely(environ):
        facts = RemoteLeases(place, Shared(top, one.remote, REFERENCE)).facts()
        if not LeaseTable(facts).is_valid(one.lease, one.generation, here.now()):
            reason = f"its time on {one.remote} was over, or it was taken over"
            raise LeaseGone(one.lease, reason)
