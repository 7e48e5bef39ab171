"""Both sides wrote of other releases than each other in a changelog.

Example: our line opened ``2.1 (unreleased)``, and what is merged is ``2.0``, which
had a fix and a release meanwhile: both stay, the later one first. What is not
released yet and has no number comes under one heading.
"""

from __future__ import annotations

from guild_plugins.merge.kinds import CHANGELOG
from guild_plugins.merge.rules.entries import is_whole, join_entries
from guild_plugins.merge.rules.sections import pending_in, version_in, versions_of
from guild_plugins.merge.rules.sides import Lines, Place, Sides, squash


def settle_maintained(sides: Sides, place: Place) -> Lines | None:
    """Return the release to come, and below it what an older line of releases had meanwhile."""
    for later, earlier in _both_ways(sides):
        after, before = versions_of(later), versions_of(earlier)
        if after and before and min(after) > max(before) and pending_in(later):
            ordered = Sides(sides.base, later, earlier, sides.before, sides.after)
            return join_entries(ordered, place)
    return None


def settle_begun(sides: Sides, place: Place) -> Lines | None:
    """Return a release that one side began above the one that the other worked on."""
    if place.kind != CHANGELOG or not sides.base or not version_in(sides.base[0]):
        return None
    for one, other in _both_ways(sides):
        new = one[: max(0, len(one) - len(sides.base))]
        versions = set(versions_of(new))
        is_above = bool(versions) and one == new + sides.base and bool(squash(other))
        if is_above and not versions & {version_in(line) for line in other}:
            return new + other
    return None


def settle_pending(sides: Sides, place: Place) -> Lines | None:
    """Return them under one heading, where both sides opened what is not released yet.

    It is the heading of the side that wrote more: the main line, or near to it.
    """
    ours, theirs = pending_in(sides.ours), pending_in(sides.theirs)
    if is_whole(sides) or len(ours) != 1 or len(theirs) != 1:
        return None
    if ours[0].version and theirs[0].version:
        return None
    sizes = len(b"".join(sides.ours)), len(b"".join(sides.theirs))
    larger = theirs if sizes[1] > sizes[0] else ours
    return join_entries(sides, place, larger[0].heading)


def settle(sides: Sides, place: Place) -> Lines | None:
    """Return both sides' entries, whatever their headings."""
    return join_entries(sides, place)


def _both_ways(sides: Sides) -> tuple[tuple[Lines, Lines], tuple[Lines, Lines]]:
    return (sides.ours, sides.theirs), (sides.theirs, sides.ours)
