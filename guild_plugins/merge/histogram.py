"""Which lines of two texts differ: histogram diff, as git's merges use it.

The longest common run around the rarest line is an anchor; what lies before and
after it is divided in the same way. Where every common line is frequent, the
shortest edit script decides (see ``myers``). No common beginning or end is cut
off first: that would change which lines count as rare, and the result would
differ from git's.
"""

from __future__ import annotations

from guild_plugins.merge.myers import mark_shortest

FREQUENT = 64
"""A line that occurs more often than this anchors nothing."""

MOST_STEPS = 3_000_000
"""Comparisons after which a diff is given up: about two seconds."""


class TooCostly(Exception):
    """The texts are too long or too repetitive to be compared here in reasonable time."""


def mark_changes(old: list[int], new: list[int]) -> tuple[bytearray, bytearray]:
    """Return one flag for each line of either text: 1 where it is not in the other.

    :raises TooCostly: ``MOST_STEPS`` comparisons were not enough.
    """
    gone, come = bytearray(len(old)), bytearray(len(new))
    steps = 0
    todo = [(0, len(old), 0, len(new))]
    while todo:
        old_at, old_end, new_at, new_end = todo.pop()
        if old_at == old_end or new_at == new_end:
            gone[old_at:old_end] = b"\1" * (old_end - old_at)
            come[new_at:new_end] = b"\1" * (new_end - new_at)
            continue
        steps += old_end - old_at + new_end - new_at
        if steps > MOST_STEPS:
            raise TooCostly
        anchor = _anchor(old, old_at, old_end, new, new_at, new_end)
        if anchor is None:
            mark_shortest(old, old_at, old_end, new, new_at, new_end, gone, come)
            continue
        first, second, length = anchor
        if not length:
            gone[old_at:old_end] = b"\1" * (old_end - old_at)
            come[new_at:new_end] = b"\1" * (new_end - new_at)
            continue
        todo.append((first + length, old_end, second + length, new_end))
        todo.append((old_at, first, new_at, second))
    return gone, come


def _anchor(
    old: list[int], old_at: int, old_end: int, new: list[int], new_at: int, new_end: int
) -> tuple[int, int, int] | None:
    """Return where the best common run starts in both, and its length.

    The length is 0 where nothing is common; ``None`` means that all that is
    common is frequent.
    """
    places: dict[int, list[int]] = {}
    for place in range(old_at, old_end):
        places.setdefault(old[place], []).append(place)
    best, rarest, is_common = (0, 0, 0), FREQUENT + 1, False
    at = new_at
    while at < new_end:
        found = places.get(new[at])
        following = at + 1
        if found is None:
            at = following
            continue
        is_common = True
        if len(found) > rarest:
            at = following
            continue
        reached = -1
        for place in found:
            if place <= reached:
                continue
            start, new_start, count = place, at, len(found)
            while start > old_at and new_start > new_at and old[start - 1] == new[new_start - 1]:
                start -= 1
                new_start -= 1
                if count > 1:
                    count = min(count, len(places[old[start]]))
            reached, new_reached = place, at
            while (
                reached + 1 < old_end
                and new_reached + 1 < new_end
                and old[reached + 1] == new[new_reached + 1]
            ):
                reached += 1
                new_reached += 1
                if count > 1:
                    count = min(count, len(places[old[reached]]))
            following = max(following, new_reached + 1)
            length = reached - start + 1
            if max(best[2] - 1, 0) < length - 1 or count < rarest:
                best, rarest = (start, new_start, length), count
        at = following
    if is_common and rarest > FREQUENT:
        return None
    return best
