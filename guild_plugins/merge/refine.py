"""How git cuts conflicts into the regions that it shows.

In the ``merge`` style what both sides share is taken out of a conflict, and
regions with no more than three lines between them become one again. ``diff3``
shows each conflict as it is, ``zdiff3`` without its common beginning and end.
"""

from __future__ import annotations

from guild_plugins.merge.changes import find_changes
from guild_plugins.merge.diff3 import BOTH, Alignment, Hunk

MERGE, DIFF3, ZDIFF3 = "merge", "diff3", "zdiff3"
"""Git's styles of conflict markers."""

NEAR = 3
"""Regions with at most this many lines between them are shown as one."""


class Region:
    """What stands between one pair of markers: ranges of lines, and the conflicts it is from."""

    __slots__ = ("base", "hunks", "ours", "theirs")

    def __init__(
        self,
        hunks: list[Hunk],
        base: tuple[int, int],
        ours: tuple[int, int],
        theirs: tuple[int, int],
    ) -> None:
        self.hunks, self.base, self.ours, self.theirs = hunks, base, ours, theirs


def find_regions(aligned: Alignment, still_open: list[Hunk], style: str) -> list[Region]:
    """Return the regions that git would show for the conflicts that are open.

    A conflict whose sides turn out to be equal gives no region.
    """
    if style == DIFF3:
        return [Region([hunk], hunk.base, hunk.ours, hunk.theirs) for hunk in still_open]
    if style == ZDIFF3:
        return [_without_common_ends(aligned, hunk) for hunk in still_open]
    regions: list[Region] = []
    chosen = set(map(id, still_open))
    is_first = True
    for hunk in aligned.hunks:
        if id(hunk) not in chosen:
            # A change of one side, or a settled conflict, parts the regions around it.
            is_first = is_first or hunk.kind != BOTH
            continue
        pieces = _pieces(aligned, hunk)
        if not pieces:
            is_first = True
        for piece in pieces:
            if not is_first and piece.ours[0] - regions[-1].ours[1] <= NEAR:
                _join(regions[-1], piece)
            else:
                regions.append(piece)
            is_first = False
    return regions


def find_units(aligned: Alignment) -> list[list[Hunk]]:
    """Return the conflicts in groups that git shows together: each is settled whole or not."""
    units: list[list[Hunk]] = []
    for region in find_regions(aligned, aligned.conflicts, MERGE):
        if units and units[-1][-1] is region.hunks[0]:
            units[-1] += region.hunks[1:]
        else:
            units.append(list(region.hunks))
    return units


def _pieces(aligned: Alignment, hunk: Hunk) -> list[Region]:
    """Cut what both sides share out of a conflict; empty where they share all of it."""
    our_start, our_end = hunk.ours
    their_start, their_end = hunk.theirs
    if our_start == our_end or their_start == their_end:
        return [Region([hunk], hunk.base, hunk.ours, hunk.theirs)]
    _, one, two = aligned.numbers
    script = find_changes(one[our_start:our_end], two[their_start:their_end])
    return [
        Region(
            [hunk],
            hunk.base,
            (our_start + mine, our_start + mine + my_length),
            (their_start + yours, their_start + yours + your_length),
        )
        for mine, my_length, yours, your_length in script
    ]


def _join(region: Region, following: Region) -> None:
    if region.hunks[-1] is not following.hunks[0]:
        region.hunks = region.hunks + following.hunks
    region.base = (region.base[0], following.base[1])
    region.ours = (region.ours[0], following.ours[1])
    region.theirs = (region.theirs[0], following.theirs[1])


def _without_common_ends(aligned: Alignment, hunk: Hunk) -> Region:
    _, one, two = aligned.numbers
    (our_start, our_end), (their_start, their_end) = hunk.ours, hunk.theirs
    while our_start < our_end and their_start < their_end and one[our_start] == two[their_start]:
        our_start += 1
        their_start += 1
    while (
        our_start < our_end and their_start < their_end and one[our_end - 1] == two[their_end - 1]
    ):
        our_end -= 1
        their_end -= 1
    return Region([hunk], hunk.base, (our_start, our_end), (their_start, their_end))
