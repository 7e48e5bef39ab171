"""The edit script from one text to another, each change where git would put it.

A changed run between equal lines can often stand a few lines higher or lower.
Git pushes it down as far as it goes, unless it then lines up with a change of
the other text; merges depend on it, so the same is done here.
"""

from __future__ import annotations

from guild_plugins.merge.histogram import mark_changes

Change = tuple[int, int, int, int]
"""Old start and length, new start and length; one length may be 0."""


def find_changes(old: list[int], new: list[int]) -> list[Change]:
    """Return the changes that make ``new`` of ``old``, in order.

    :raises TooCostly: The texts are too long or too repetitive.
    """
    if old == new:
        return []
    gone, come = mark_changes(old, new)
    _settle(old, gone, come)
    _settle(new, come, gone)
    return _script(gone, come)


def _script(gone: bytearray, come: bytearray) -> list[Change]:
    script: list[Change] = []
    old_at = new_at = 0
    while True:
        old_next, new_next = gone.find(1, old_at), come.find(1, new_at)
        if old_next < 0 and new_next < 0:
            return script
        ahead = min(
            old_next - old_at if old_next >= 0 else len(gone),
            new_next - new_at if new_next >= 0 else len(come),
        )
        old_at, new_at = old_at + ahead, new_at + ahead
        old_end, new_end = _end_of_run(gone, old_at), _end_of_run(come, new_at)
        script.append((old_at, old_end - old_at, new_at, new_end - new_at))
        old_at, new_at = old_end, new_end


def _end_of_run(flags: bytearray, at: int) -> int:
    end = flags.find(0, at)
    return len(flags) if end < 0 else end


class _Groups:
    """A walk over the changed runs of one text; between two kept lines lies one, often empty."""

    __slots__ = ("end", "flags", "start")

    def __init__(self, flags: bytearray) -> None:
        self.flags = flags
        self.start, self.end = 0, _end_of_run(flags, 0)

    def advance_to_change(self) -> int:
        """Go to the next run that is not empty; return over how many kept lines, 0 at the end."""
        start = self.flags.find(1, self.end)
        if start < 0:
            return 0
        kept = start - self.end
        self.start, self.end = start, _end_of_run(self.flags, start)
        return kept

    def advance(self, kept: int) -> None:
        """Go to the run after so many kept lines."""
        at = self.end
        while kept:
            ahead = at + kept
            kept = self.flags.count(1, at, ahead)
            at = ahead
        self.start, self.end = at, _end_of_run(self.flags, at)

    def retreat(self) -> None:
        """Go to the run before the kept line that precedes this one."""
        self.end = self.start - 1
        self.start = self.flags.rfind(0, 0, self.end) + 1 if self.end else 0

    def slide_up(self, lines: list[int]) -> bool:
        """Move the run up by a line where that means the same; swallow a run that it meets."""
        if not self.start or lines[self.start - 1] != lines[self.end - 1]:
            return False
        self.flags[self.start - 1], self.flags[self.end - 1] = 1, 0
        self.end -= 1
        self.start = self.flags.rfind(0, 0, self.start - 1) + 1
        return True

    def slide_down(self, lines: list[int]) -> bool:
        """Move the run down by a line where that means the same; swallow a run that it meets."""
        if self.end >= len(lines) or lines[self.start] != lines[self.end]:
            return False
        self.flags[self.start], self.flags[self.end] = 0, 1
        self.start += 1
        self.end = _end_of_run(self.flags, self.end)
        return True


def _settle(lines: list[int], flags: bytearray, others: bytearray) -> None:
    """Put each changed run of a text in its place; ``others`` are the other text's flags."""
    group, other = _Groups(flags), _Groups(others)
    while True:
        if group.end > group.start:
            _settle_group(lines, group, other)
        kept = group.advance_to_change()
        if not kept:
            return
        other.advance(kept)


def _settle_group(lines: list[int], group: _Groups, other: _Groups) -> None:
    size = -1
    aligns = False
    highest = group.end
    while size != group.end - group.start:
        size = group.end - group.start
        while group.slide_up(lines):
            other.retreat()
        highest = group.end
        aligns = other.end > other.start
        while group.slide_down(lines):
            other.advance(1)
            aligns = aligns or other.end > other.start
    if group.end == highest or not aligns:
        return
    while other.end == other.start:
        group.slide_up(lines)
        other.retreat()
