"""Both sides added entries to a text: a changelog, a list of people, paragraphs.

An entry is a bullet with the lines that belong to it, or a line of a list. One that
both sides have is there once. Under headings that both sides have, their entries are
joined; what only theirs has comes after what it follows there.

Example: ours adds ``### Fixed`` with one entry, theirs ``### Fixed`` with another:
one heading, two entries.
"""

from __future__ import annotations

from guild_plugins.merge.kinds import CHANGELOG, PATTERNS, PEOPLE, PINS, PROSE
from guild_plugins.merge.rules.additions import alike_lines, ended, look_alike
from guild_plugins.merge.rules.sections import (
    Section,
    cut_sections,
    is_bullet,
    is_underline,
    lines_below,
    top_headings,
)
from guild_plugins.merge.rules.sides import Lines, Place, Sides, is_holder, squash

_LISTS = (CHANGELOG, PEOPLE, PATTERNS)
_TEXTS = (*_LISTS, PROSE, PINS)


def settle(sides: Sides, place: Place) -> Lines | None:
    """Return both sides' entries of a changelog or a list of people or patterns.

    Left to others are sides with other headings than each other's, where people differ
    about which release an entry is of, and a file that both sides made.
    """
    ours, theirs = top_headings(sides.ours), top_headings(sides.theirs)
    if is_whole(sides) or ours != theirs:
        return None
    return join_entries(sides, place)


def settle_headed(sides: Sides, place: Place) -> Lines | None:
    """Return them where one side wrote a heading as well, and the other entries alone."""
    ours, theirs = top_headings(sides.ours), top_headings(sides.theirs)
    if is_whole(sides) or (ours and theirs):
        return None
    return join_entries(sides, place)


def settle_texts(sides: Sides, place: Place) -> Lines | None:
    """Return both sides' lines of a text."""
    return join_entries(sides, place, kinds=_TEXTS)


def join_entries(
    sides: Sides, place: Place, heading: Lines | None = None, kinds: tuple[str, ...] = _LISTS
) -> Lines | None:
    """Join what both sides added, unless some of it looks like versions of one thing.

    :param heading: What is not released yet comes under it.
    """
    if place.kind not in kinds or not sides.both_added:
        return None
    ours, theirs = (lines_below(side) for side in (sides.ours, sides.theirs))
    if look_alike(ours, theirs) or alike_lines(ours, theirs):
        return None
    return _merged(sides, heading)


def is_whole(sides: Sides) -> bool:
    """Return whether both sides made a file of which there is nothing else."""
    return not (sides.base or sides.before or sides.after)


def _merged(sides: Sides, heading: Lines | None = None) -> Lines:
    """Join section by section; those not released yet under one heading, where one is given."""
    merged = _named(cut_sections(sides.ours), heading)
    bodies = {section.path: section for section in merged}
    at = 0
    for section in _named(cut_sections(sides.theirs), heading):
        twin = bodies.get(section.path)
        if twin is not None:
            at = merged.index(twin) + 1
            base = sides.base if not section.path else []
            twin.body = _union(twin.body, section.body, base)
        else:
            at = len(merged) if at == 1 else at
            merged.insert(at, section)
            at += 1
    lines: Lines = []
    for section in merged:
        lines = ended(lines, section.heading) + section.heading
        lines = ended(lines, section.body) + section.body
    return lines


def _named(sections: list[Section], heading: Lines | None) -> list[Section]:
    """Give the section that is not released yet a heading, and those below it."""
    if heading is None:
        return sections
    old = next(section.path for section in sections if section.is_top and section.is_pending)
    for section in sections:
        if section.path == old:
            section.heading = heading
        if section.path[:1] == old:
            section.path = (b"", *section.path[1:])
    return sections


def _union(ours: Lines, theirs: Lines, base: Lines) -> Lines:
    """Return ours, then the entries of theirs that ours does not have.

    Empty bullets, which wait for an entry, are as many as both sides left of them.
    """
    rest = _beyond(_entries(ours), _entries(theirs))
    while rest and not rest[0].strip():
        del rest[0]
    too_many = _holders(ours) + _holders(rest) - _left_over(base, ours, theirs)
    kept = _without_holders(ours, too_many - _holders(rest))
    rest = _without_holders(rest, too_many)
    return ended(kept, rest) + rest


def _beyond(ours: list[Lines], theirs: list[Lines]) -> Lines:
    """Return the lines of the entries that theirs has and ours has not, or not as often."""
    known = list(map(squash, ours))
    lines: Lines = []
    for entry in theirs:
        words = squash(entry)
        if words in known:
            known.remove(words)
        else:
            lines += entry
    return lines


def _entries(lines: Lines) -> list[Lines]:
    """Cut lines where an entry begins: at a bullet, after a blank line, or at each line of a list.

    A line stands for itself unless it goes on from the one before: an indented
    line, a line below a bullet, the underline of a heading.
    """
    entries: list[Lines] = []
    in_bullet = False
    for line in lines:
        begins = is_bullet(line)
        goes_on = line[:1] in b" \t" or in_bullet or is_underline(line)
        is_more = goes_on and not begins and entries and entries[-1][-1].strip()
        if entries and (is_more or not line.strip()):
            entries[-1].append(line)
        else:
            entries.append([line])
        in_bullet = bool(line.strip()) and (begins or in_bullet)
    return entries


def _left_over(base: Lines, ours: Lines, theirs: Lines) -> int:
    """Return how many of the empty bullets neither side has filled or removed."""
    return max(0, _holders(ours) + _holders(theirs) - _holders(base))


def _holders(lines: Lines) -> int:
    return sum(map(_holds, lines))


def _holds(line: bytes) -> bool:
    """Return whether a line waits for an entry."""
    return bool(line.strip()) and is_holder(line)


def _without_holders(lines: Lines, count: int) -> Lines:
    """Return the lines without some of the empty bullets, the last ones first."""
    kept = list(lines)
    for at in range(len(kept) - 1, -1, -1):
        if count > 0 and _holds(kept[at]):
            del kept[at]
            count -= 1
    return kept
