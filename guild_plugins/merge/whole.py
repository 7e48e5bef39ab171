"""Files that are merged by what they hold, not by lines: Guild's shared state."""

from __future__ import annotations

from guild_plugins.merge.kinds import STATE
from guild_plugins.merge.result import Clean, Conflict


def merge_whole(kind: str, base: bytes, ours: bytes, theirs: bytes) -> Clean | Conflict | None:
    """Return the merged file; ``None`` where its kind is merged by lines."""
    if kind != STATE:
        return None
    from guild_plugins.merge.state import NotState, merge_states

    try:
        return Clean(merge_states(base, ours, theirs))
    except NotState:
        return None
