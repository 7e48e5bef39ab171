"""The shortest edit script between two runs of lines (Myers, in linear space).

For what histogram diff cannot anchor: runs in which every common line is
frequent, such as blank lines and lone brackets.
"""

from __future__ import annotations

MOST_EDITS = 2_000
"""Beyond this many edits a run counts as wholly changed: the search grows with their square."""


def mark_shortest(
    old: list[int],
    old_at: int,
    old_end: int,
    new: list[int],
    new_at: int,
    new_end: int,
    gone: bytearray,
    come: bytearray,
) -> None:
    """Set the flags of the lines that a shortest script removes and adds."""
    todo = [(old_at, old_end, new_at, new_end)]
    while todo:
        old_at, old_end, new_at, new_end = todo.pop()
        while old_at < old_end and new_at < new_end and old[old_at] == new[new_at]:
            old_at += 1
            new_at += 1
        while old_at < old_end and new_at < new_end and old[old_end - 1] == new[new_end - 1]:
            old_end -= 1
            new_end -= 1
        middle = None
        if old_at < old_end and new_at < new_end:
            middle = _middle(old, old_at, old_end, new, new_at, new_end)
        if middle is None:
            gone[old_at:old_end] = b"\1" * (old_end - old_at)
            come[new_at:new_end] = b"\1" * (new_end - new_at)
            continue
        todo.append((middle[0], old_end, middle[1], new_end))
        todo.append((old_at, middle[0], new_at, middle[1]))


def _middle(
    old: list[int], old_at: int, old_end: int, new: list[int], new_at: int, new_end: int
) -> tuple[int, int] | None:
    """Return a point that a shortest path passes; ``None`` where it would take too long.

    Searches from both corners at once; ``k`` is the diagonal ``old - new``, and
    what is kept for it is how far the search has come in ``old``.
    """
    start, goal = old_at - new_at, old_end - new_end
    is_odd = bool((start - goal) & 1)
    forward, backward = {start: old_at}, {goal: old_end}
    for edits in range(1, MOST_EDITS):
        for k in range(start + edits, start - edits - 1, -2):
            x = forward.get(k - 1, old_end) + 1
            if x > old_end:
                x = -1
            side = forward.get(k + 1, -1)
            if side > x and side - k <= new_end:
                x = side
            if x < 0 or x - k > new_end:
                continue
            while x < old_end and x - k < new_end and old[x] == new[x - k]:
                x += 1
            forward[k] = x
            if is_odd and k in backward and backward[k] <= x:
                return x, x - k
        for k in range(goal + edits, goal - edits - 1, -2):
            x = backward.get(k + 1, old_at) - 1
            if x < old_at:
                x = old_end + 1
            side = backward.get(k - 1, old_end + 1)
            if side < x and side - k >= new_at:
                x = side
            if x > old_end or x - k < new_at:
                continue
            while x > old_at and x - k > new_at and old[x - 1] == new[x - k - 1]:
                x -= 1
            backward[k] = x
            if not is_odd and k in forward and x <= forward[k]:
                return x, x - k
    return None
