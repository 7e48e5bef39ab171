"""Where two sides changed a base: alone, alike, or both at the same place.

Changes that overlap or touch belong together, as in git: with no common line
between them nothing says in which order they stand.
"""

from __future__ import annotations

from guild_plugins.merge.changes import Change, find_changes
from guild_plugins.merge.lines import number_lines

OURS, THEIRS, BOTH, CONFLICT = "ours", "theirs", "both", "conflict"
"""Who changed a hunk: one side alone, both alike, or both differently."""


class Hunk:
    """A place that was changed: half-open ranges of lines in base, ours and theirs."""

    __slots__ = ("base", "kind", "ours", "theirs")

    def __init__(
        self, kind: str, base: tuple[int, int], ours: tuple[int, int], theirs: tuple[int, int]
    ) -> None:
        self.kind, self.base, self.ours, self.theirs = kind, base, ours, theirs


class Alignment:
    """Three texts with the hunks in which they differ."""

    __slots__ = ("base", "hunks", "numbers", "ours", "theirs")

    def __init__(
        self,
        base: list[bytes],
        ours: list[bytes],
        theirs: list[bytes],
        *,
        touching_apart: bool = False,
    ) -> None:
        """Align the texts.

        :param touching_apart: Changes that only touch are hunks of their own.
        :raises TooCostly: The texts are too long or too repetitive.
        """
        self.base, self.ours, self.theirs = base, ours, theirs
        self.numbers = number_lines(base, ours, theirs)
        origin, one, two = self.numbers
        changes = find_changes(origin, one), find_changes(origin, two)
        self.hunks = _cluster(*changes, one, two, touching_apart)

    @property
    def conflicts(self) -> list[Hunk]:
        """The hunks that both sides changed differently."""
        return [hunk for hunk in self.hunks if hunk.kind == CONFLICT]


def _cluster(
    ours: list[Change],
    theirs: list[Change],
    one: list[int],
    two: list[int],
    touching_apart: bool,
) -> list[Hunk]:
    hunks: list[Hunk] = []
    mine = yours = our_shift = their_shift = 0
    while mine < len(ours) or yours < len(theirs):
        starts = [
            changes[at][0] for changes, at in ((ours, mine), (theirs, yours)) if at < len(changes)
        ]
        low = high = min(starts)
        first_mine, first_yours = mine, yours
        grown = True
        while grown:
            grown = False
            reach = high if touching_apart and low < high else high + 1
            if mine < len(ours) and ours[mine][0] < reach:
                high, mine, grown = max(high, ours[mine][0] + ours[mine][1]), mine + 1, True
            reach = high if touching_apart and low < high else high + 1
            if yours < len(theirs) and theirs[yours][0] < reach:
                high, yours, grown = max(high, theirs[yours][0] + theirs[yours][1]), yours + 1, True
        our_start, their_start = low + our_shift, low + their_shift
        our_shift += sum(change[3] - change[1] for change in ours[first_mine:mine])
        their_shift += sum(change[3] - change[1] for change in theirs[first_yours:yours])
        our_range, their_range = (our_start, high + our_shift), (their_start, high + their_shift)
        if first_yours == yours:
            kind = OURS
        elif first_mine == mine:
            kind = THEIRS
        elif one[slice(*our_range)] == two[slice(*their_range)] and (
            mine - first_mine == 1 == yours - first_yours
            and ours[first_mine][:2] == theirs[first_yours][:2]
        ):
            kind = BOTH
        else:
            kind = CONFLICT
        hunks.append(Hunk(kind, (low, high), our_range, their_range))
    return hunks
