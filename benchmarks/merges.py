"""The merge engine as functions that a replay of real merges can call.

Each takes base, ours, theirs and the path, and returns the exit code and the text.
"""

from __future__ import annotations

from guild_plugins.merge.engine import merge
from guild_plugins.merge.result import Clean


def accepted(base: bytes, ours: bytes, theirs: bytes, path: str) -> tuple[int, bytes]:
    """Merge as the driver does."""
    result = merge(path, base, ours, theirs)
    return (0 if result.is_clean else 1), result.text


def proposed(base: bytes, ours: bytes, theirs: bytes, path: str) -> tuple[int, bytes]:
    """Merge as the driver does, and take what it proposes."""
    result = merge(path, base, ours, theirs)
    if isinstance(result, Clean):
        return 0, result.text
    return (1, result.text) if result.proposal is None else (0, result.proposal)
