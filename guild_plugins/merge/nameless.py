"""Which cell is which in notebooks whose cells have no ids.

A cell is the one of the base that has its source, in order as lines are aligned; else
one with the same source elsewhere, where there is only one such; else, between two
that are known, one of its type of whose words most are the same. What is left was added
or removed. Somebody has to look where both sides added cells that are alike but not the
same, and where both replaced a cell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

from guild_plugins.merge.changes import find_changes
from guild_plugins.merge.entities import Entity
from guild_plugins.merge.histogram import TooCostly
from guild_plugins.merge.lines import number_lines
from guild_plugins.merge.words import words_of

ALIKE = 0.6
"""Such a share of words two cells have in common that are taken to be one."""


MOST_PAIRS = 40_000
"""So many pairs of cells are compared."""


class Cell(NamedTuple):
    """A cell: its type and source in one, its text, and the words of its source."""

    source: bytes
    text: bytes
    words: Counter[bytes]


def read_cell(kind: str, source: bytes, text: bytes) -> Cell:
    """Return a cell, ready to be compared."""
    return Cell(b"%s %s" % (kind.encode(), source), text, Counter(words_of(source)))


Cells = Sequence[Cell]


def name_cells(
    base: Cells, ours: Cells, theirs: Cells
) -> tuple[list[Entity], list[Entity], list[Entity]] | None:
    """Return the cells of all three with keys; ``None`` where both sides may mean one.

    :raises TooCostly: There are too many to compare.
    """
    known = [_match(base, side) for side in (ours, theirs)]
    added = [
        [cell for at, cell in enumerate(side) if at not in matched]
        for side, matched in zip((ours, theirs), known, strict=True)
    ]
    if len(added[0]) * len(added[1]) > MOST_PAIRS:
        raise TooCostly
    if any(one.source != two.source and _is_alike(one, two) for one, two in product(*added)):
        return None
    gone = set(range(len(base))).difference(*(matched.values() for matched in known))
    if gone and all(added):  # each side may have put something else in its place
        return None
    before = [Entity(str(at), cell.text) for at, cell in enumerate(base)]
    return before, _named(ours, known[0]), _named(theirs, known[1])


def _is_alike(one: Cell, two: Cell) -> bool:
    """Return whether two cells of one type have most of their words in common."""
    if one.source[:1] != two.source[:1]:
        return False
    longer = max(one.words.total(), two.words.total())
    return (one.words & two.words).total() >= ALIKE * longer


def _named(side: Cells, matched: dict[int, int]) -> list[Entity]:
    """Return the cells by their place in the base; what was added, by its source."""
    seen: Counter[bytes] = Counter()
    named = []
    for at, cell in enumerate(side):
        key = str(matched.get(at, ""))
        if not key:
            key = f"{cell.source.decode('latin-1')} {seen[cell.source]}"
            seen[cell.source] += 1
        named.append(Entity(key, cell.text))
    return named


def _match(base: Cells, side: Cells) -> dict[int, int]:
    """Return by place in a side the place in the base."""
    old, new = number_lines(_sources(base), _sources(side))
    changes = find_changes(old, new)
    matched, at, shift = dict[int, int](), 0, 0
    for gone_at, gone, come_at, come in changes:
        matched.update((place + shift, place) for place in range(at, gone_at))
        at, shift = gone_at + gone, come_at + come - gone_at - gone
    matched.update((place + shift, place) for place in range(at, len(base)))
    _match_moved(old, new, matched)
    for gone_at, gone, come_at, come in changes:
        _match_edited(base, side, range(gone_at, gone_at + gone), come_at, come, matched)
    return matched


def _match_moved(old: list[int], new: list[int], matched: dict[int, int]) -> None:
    """Match cells that are elsewhere, where there is one alone of each source."""
    taken = set(matched.values())
    gone = [at for at in range(len(old)) if at not in taken]
    come = [at for at in range(len(new)) if at not in matched]
    left, right = Counter(old[at] for at in gone), Counter(new[at] for at in come)
    place = {old[at]: at for at in gone}
    for at in come:
        if left[new[at]] == right[new[at]] == 1:
            matched[at] = place[new[at]]


def _match_edited(
    base: Cells, side: Cells, gone: range, come_at: int, come: int, matched: dict[int, int]
) -> None:
    """Match cells whose source was changed, in order."""
    taken = set(matched.values())
    waiting = [at for at in gone if at not in taken]
    if len(waiting) * come > MOST_PAIRS:
        raise TooCostly
    for at in range(come_at, come_at + come):
        if at in matched:
            continue
        for number, place in enumerate(waiting):
            if _is_alike(base[place], side[at]):
                matched[at] = place
                del waiting[: number + 1]
                break


def _sources(cells: Cells) -> list[bytes]:
    return [cell.source for cell in cells]
