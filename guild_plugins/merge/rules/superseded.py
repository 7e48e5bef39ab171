"""One side is an earlier state of the other: the later one stands.

Example: a branch was merged in one commit, and went on. Elsewhere in the file
both sides made the same changes, and one made no other; where the two differ,
it is the other that went on.
"""

from __future__ import annotations

from guild_plugins.merge.diff3 import OURS, THEIRS
from guild_plugins.merge.rules.sides import Lines, Place, Sides, squash


def settle(sides: Sides, place: Place) -> Lines | None:
    """Return the side that went on from what both have."""
    if not squash(sides.ours) or not squash(sides.theirs):
        return None
    if place.ahead == OURS:
        return sides.ours
    return sides.theirs if place.ahead == THEIRS else None
