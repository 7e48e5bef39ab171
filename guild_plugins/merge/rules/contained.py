"""One side's change is part of the other's: the larger one has both.

Example: theirs is a fix that ours took over earlier and went on from. Whatever
theirs added, ours added too, and whatever it removed is gone from ours, so
taking ours loses nothing. Counted in lines; or in words, where the smaller
change is a small one: by chance a long text holds nearly every word.
"""

from __future__ import annotations

from _collections_abc import Callable, Iterable

from guild_plugins.merge.rules.sides import Lines, Place, Sides, squash
from guild_plugins.merge.words import words_of

MOST_WORDS = 6
"""A change of more words than this is compared by lines alone."""

Counts = dict[bytes, int]


def settle_lines(sides: Sides, place: Place) -> Lines | None:
    """Return the side whose changed lines hold the other's."""
    return _larger(sides, _lines, 1 << 30)


def settle_words(sides: Sides, place: Place) -> Lines | None:
    """Return the side whose changed words hold the other's."""
    return _larger(sides, _words, MOST_WORDS)


def _larger(sides: Sides, count: Callable[[Lines], Counts], most: int) -> Lines | None:
    if not squash(sides.ours) or not squash(sides.theirs):
        return None  # that one side removed all says nothing of what the other wrote instead
    base, ours, theirs = map(count, (sides.base, sides.ours, sides.theirs))
    if 0 < _size(base, theirs) <= most and _holds(base, ours, theirs):
        return sides.ours
    if 0 < _size(base, ours) <= most and _holds(base, theirs, ours):
        return sides.theirs
    return None


def _holds(base: Counts, large: Counts, small: Counts) -> bool:
    """Return whether what the small change added and removed, the large one did too."""
    for key in base.keys() | small.keys():
        before = base.get(key, 0)
        step, along = small.get(key, 0) - before, large.get(key, 0) - before
        if (step > 0 and along < step) or (step < 0 and along > step):
            return False
    return True


def _size(base: Counts, side: Counts) -> int:
    return sum(abs(side.get(key, 0) - base.get(key, 0)) for key in base.keys() | side.keys())


def _lines(lines: Lines) -> Counts:
    return _counted(squash([line]) for line in lines)


def _words(lines: Lines) -> Counts:
    return _counted(words_of(b"".join(lines)))


def _counted(keys: Iterable[bytes]) -> Counts:
    counts: Counts = {}
    for key in keys:
        if key:
            counts[key] = counts.get(key, 0) + 1
    return counts
