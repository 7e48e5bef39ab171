"""A place for state, and events to put there."""

from __future__ import annotations

from guild_plugins.stages.events import Event, LeaseGranted


def granted(number: int, *, scope: str | None = None, at: float = 1.5) -> Event:
    return LeaseGranted(
        id=f"e{number}",
        at=at,
        scope=scope,
        lease=f"l{number}",
        holder="h",
        name="nä\udcff",
        generation=number,
    )
