"""Both sides changed the same lines, but other words of them.

Example: base ``f(a, b)``, ours ``f(a, b, c)``, theirs ``g(a, b)``, merged
``g(a, b, c)``. The words are merged as lines are, and changes that touch are a
conflict. More than ``MOST_EDITS`` changes are a rewrite, not an edit.
"""

from __future__ import annotations

import itertools

from guild_plugins.merge.diff3 import BOTH, CONFLICT, OURS, THEIRS, Alignment
from guild_plugins.merge.kinds import CHANGELOG
from guild_plugins.merge.rules.sides import Lines, Place, Sides, squash
from guild_plugins.merge.words import tokens_of

MOST_EDITS = 4
APART = 4
MOST_TOKENS = 2_000


def settle(sides: Sides, place: Place) -> Lines | None:
    """Return the lines with the words that either side changed, where both keep their number."""
    return settle_grown(sides, place) if _kept_lines(sides) else None


def settle_grown(sides: Sides, place: Place) -> Lines | None:
    """Return them where one side has more lines than before, or fewer, and the other does not."""
    if place.kind == CHANGELOG:
        return None  # what grew is another entry, or another release
    ours, theirs = (len(side) - len(sides.base) for side in (sides.ours, sides.theirs))
    if ours * theirs < 0:
        return None  # one wrote more, one less: two ways of saying it
    aligned = _aligned(sides)
    return joined(aligned) if aligned else None


def settle_shared(sides: Sides, place: Place) -> Lines | None:
    """Return them where both sides also made a change alike: they know of each other's work."""
    aligned = _aligned(sides)
    if aligned and any(hunk.kind == BOTH for hunk in aligned.hunks):
        return joined(aligned)
    return None


def settle_apart(sides: Sides, place: Place) -> Lines | None:
    """Return them where no change of ours is near one of theirs, and all lines stay."""
    return settle_apart_grown(sides, place) if _kept_lines(sides) else None


def settle_apart_grown(sides: Sides, place: Place) -> Lines | None:
    """Return them where no change of ours is near one of theirs."""
    aligned = _aligned(sides)
    return joined(aligned) if aligned and _distance(aligned) >= APART else None


def _kept_lines(sides: Sides) -> bool:
    return len(sides.base) == len(sides.ours) == len(sides.theirs)


def settle_contained(sides: Sides, place: Place) -> Lines | None:
    """Return the side that made all changes of the other, at the same words, and more."""
    if not squash(sides.base) or not squash(sides.ours) or not squash(sides.theirs):
        return None
    aligned = _align(sides)
    kinds = {hunk.kind for hunk in aligned.hunks} if aligned else set()
    if kinds == {BOTH, OURS}:
        return sides.ours
    return sides.theirs if kinds == {BOTH, THEIRS} else None


def _aligned(sides: Sides) -> Alignment | None:
    aligned = _align(sides)
    if aligned is None or len(aligned.hunks) > MOST_EDITS or aligned.conflicts:
        return None
    return aligned


def _align(sides: Sides) -> Alignment | None:
    base, ours, theirs = (tokens_of(b"".join(side)) for side in sides.all)
    if not base or not ours or not theirs or max(map(len, (base, ours, theirs))) > MOST_TOKENS:
        return None
    return Alignment(base, ours, theirs)


def _distance(aligned: Alignment) -> int:
    """Return how many words lie between a change of ours and one of theirs, at least."""
    nearest = MOST_TOKENS
    for one, two in itertools.pairwise(aligned.hunks):
        if {one.kind, two.kind} == {OURS, THEIRS}:
            between = aligned.base[one.base[1] : two.base[0]]
            nearest = min(nearest, sum(bool(token.strip()) for token in between))
    return nearest


def joined(aligned: Alignment) -> Lines:
    """Return the merged lines of an alignment without conflicts."""
    merged: list[bytes] = []
    at = 0
    for hunk in aligned.hunks:
        if hunk.kind == CONFLICT:
            raise ValueError("a conflict is open")
        merged += aligned.ours[at : hunk.ours[0]]
        merged += (
            aligned.theirs[slice(*hunk.theirs)]
            if hunk.kind == THEIRS
            else aligned.ours[slice(*hunk.ours)]
        )
        at = hunk.ours[1]
    merged += aligned.ours[at:]
    return b"".join(merged).splitlines(keepends=True)
