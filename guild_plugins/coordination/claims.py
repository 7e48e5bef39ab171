"""Which claims get in each other's way. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from guild_plugins.scopes.globs import parse_glob
from guild_plugins.scopes.overlap import overlaps
from guild_plugins.stages.leases import Claim, Holder


def desk_group(name: str) -> str:
    """Return the group of the leases that a name holds without a command."""
    return f"desk:{name}"


def are_together(one: Holder, other: Holder) -> bool:
    """Say whether two holders are never in each other's way.

    They are of one group; or one is what a name holds at its desk, and the other
    is a command that the same name runs.
    """
    return (
        one.group == other.group
        or one.group == desk_group(other.name)
        or other.group == desk_group(one.name)
    )


def any_conflict(some: Iterable[Claim], others: Iterable[Claim]) -> bool:
    """Say whether two sets of claims cannot be granted to two holders at once."""
    others = tuple(others)
    return any(conflict(one, other) for one in some for other in others)


def conflict(one: Claim, other: Claim) -> bool:
    """Say whether one path may be in both claims, and one of them writes.

    Of two scopes only the same one conflicts: a path has one owner. A scope and
    a path conflict where the patterns overlap, unless the path lies in what the
    scope spares for others.
    """
    if one.mode == other.mode == "read":
        return False
    if one.scope is not None and other.scope is not None:
        return one.scope == other.scope
    return any(
        overlaps(first, second)
        and not _is_spared(first, second, one.spared)
        and not _is_spared(second, first, other.spared)
        for first in one.patterns
        for second in other.patterns
    )


def _is_spared(pattern: str, other: str, spared: tuple[str, ...]) -> bool:
    """Say whether ``other`` lies in a spared place that is deeper than ``pattern``."""
    if not spared:
        return False
    glob = parse_glob(pattern)
    return any(
        f"{other}/".startswith(f"{place}/") and place != glob.literal and glob.matches(place)
        for place in spared
    )
