"""Both sides say the same and differ in whitespace alone.

Example: ours ``f(a, b)`` on one line, theirs the same call on three. Taken is
the side without blanks at line ends, or ours. Lines that are only indented
otherwise are left to a person in Python, where that changes the meaning.
"""

from __future__ import annotations

from guild_plugins.merge.rules.sides import Lines, Place, Sides, squash


def settle(sides: Sides, place: Place) -> Lines | None:
    """Return one of two sides that differ in whitespace alone."""
    if squash(sides.ours) != squash(sides.theirs):
        return None
    return sides.theirs if _blanks(sides.theirs) < _blanks(sides.ours) else sides.ours


def _blanks(lines: Lines) -> int:
    return sum(line.rstrip(b"\r\n") != line.rstrip() for line in lines)
