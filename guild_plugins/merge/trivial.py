"""Merges that need no look at the lines: one side changed nothing, or the files are binary."""

from __future__ import annotations

from guild_plugins.merge.lines import is_binary
from guild_plugins.merge.result import Clean, Conflict


def merge_trivially(base: bytes, ours: bytes, theirs: bytes) -> Clean | Conflict | None:
    """Return the result where nothing has to be aligned, else ``None``.

    Binary files that both sides changed stay a conflict with our side in place,
    as in git.
    """
    if ours == theirs or base == theirs:
        return Clean(ours)
    if base == ours:
        return Clean(theirs)
    if any(map(is_binary, (base, ours, theirs))):
        return Conflict(ours, reason="binary files are not merged", is_binary=True)
    return None
