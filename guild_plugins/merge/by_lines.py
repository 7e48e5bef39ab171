"""Merge a piece of a file by lines, or not at all."""

from __future__ import annotations

from guild_plugins.merge.diff3 import CONFLICT, THEIRS, Alignment
from guild_plugins.merge.histogram import TooCostly
from guild_plugins.merge.lines import split_lines


def merge_lines(base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    """Return the merged text; ``None`` where both sides changed one place."""
    if ours == theirs or theirs == base:
        return ours
    if ours == base:
        return theirs
    try:
        aligned = Alignment(*map(split_lines, (base, ours, theirs)))
    except TooCostly:
        return None
    merged: list[bytes] = []
    at = 0
    for hunk in aligned.hunks:
        if hunk.kind == CONFLICT:
            return None
        merged += aligned.ours[at : hunk.ours[0]]
        is_theirs = hunk.kind == THEIRS
        merged += (
            aligned.theirs[slice(*hunk.theirs)] if is_theirs else aligned.ours[slice(*hunk.ours)]
        )
        at = hunk.ours[1]
    return b"".join(merged + aligned.ours[at:])
