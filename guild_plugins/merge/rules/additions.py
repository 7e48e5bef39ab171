"""Both sides added something at the same place: both stay, ours first.

What may be joined like this depends on what it is: whole definitions, entries
of a changelog, people, lines of a list. Two blocks that look alike are one thing
that was renamed or edited, not two, and are left to a person.
"""

from __future__ import annotations

import re
from _ast import AnnAssign, Assign, AsyncFunctionDef, ClassDef, FunctionDef, Name, stmt

from guild_plugins.merge.data import FORMATS
from guild_plugins.merge.kinds import CHANGELOG, PATTERNS, PEOPLE, PINS, PROSE, PYTHON
from guild_plugins.merge.names import parse
from guild_plugins.merge.rules.sides import Lines, Place, Sides, indent, squash

ALIKE = 0.6
"""Two blocks that share more of their lines than this are taken for one."""

FEW = 3
"""Lines of so few words are never taken for versions of one entry."""

FARTHEST = 12
"""A block may begin so many lines before its first definition: see `_defined`."""

_LISTS = (CHANGELOG, PEOPLE, PATTERNS)
_TEXTS = (*_LISTS, PROSE, PINS)


def settle_definitions(sides: Sides, place: Place) -> Lines | None:
    """Return both sides' functions, classes and constants, where no name is in both."""
    if place.kind != PYTHON or not sides.both_added or look_alike(sides.ours, sides.theirs):
        return None
    ours, theirs = _defined(sides.ours, sides), _defined(sides.theirs, sides)
    if not ours or not theirs or ours & theirs:
        return None
    return _one_after_the_other(sides.ours, sides.theirs)


def settle_statements(sides: Sides, place: Place) -> Lines | None:
    """Return both sides' statements, one block after the other."""
    if place.kind != PYTHON or not sides.both_added:
        return None
    if look_alike(sides.ours, sides.theirs) or _alike_lines(sides.ours, sides.theirs):
        return None
    return [*_ended(sides.ours, sides.theirs), *sides.theirs]


def settle_entries(sides: Sides, place: Place) -> Lines | None:
    """Return both sides' entries of a changelog or a list of people or patterns."""
    return settle_texts(sides, place) if place.kind in _LISTS else None


def settle_texts(sides: Sides, place: Place) -> Lines | None:
    """Return both sides' lines of a text."""
    if place.kind not in _TEXTS or not sides.both_added:
        return None
    if look_alike(sides.ours, sides.theirs) or _alike_lines(sides.ours, sides.theirs):
        return None
    return _union(sides.ours, sides.theirs, sides.base)


def settle_pairs(sides: Sides, place: Place) -> Lines | None:
    """Return both sides' lines in a data file: proposed, as the values are checked as well."""
    if place.kind not in FORMATS or not sides.both_added:
        return None
    if look_alike(sides.ours, sides.theirs):
        return None
    return [*_ended(sides.ours, sides.theirs), *sides.theirs]


def look_alike(ours: Lines, theirs: Lines) -> bool:
    """Return whether two blocks share so many lines that they are versions of one."""
    one = {key for line in ours if len(key := squash([line])) > FEW}
    two = {key for line in theirs if len(key := squash([line])) > FEW}
    fewest = min(len(one), len(two))
    return bool(fewest) and len(one & two) > ALIKE * fewest


def _alike_lines(ours: Lines, theirs: Lines) -> bool:
    """Return whether a line of ours and one of theirs are versions of one entry."""
    one = [words for line in ours if len(words := set(line.split())) > FEW]
    two = [words for line in theirs if len(words := set(line.split())) > FEW]
    return any(len(a & b) > ALIKE * len(a | b) for a in one for b in two if a != b)


def _union(ours: Lines, theirs: Lines, base: Lines) -> Lines:
    """Return ours, then the entries of theirs that ours does not have.

    Sections of two releases may hold the same entry. Empty bullets, which wait for
    one, are as many as both sides left of them.
    """
    known = set() if _has_heading([*ours, *theirs]) else {*map(squash, _entries(ours))}
    rest = [line for entry in _entries(theirs) if squash(entry) not in known for line in entry]
    while rest and not rest[0].strip():
        del rest[0]
    too_many = _holders(ours) + _holders(rest) - _left_over(base, ours, theirs)
    kept = _without_holders(ours, too_many - _holders(rest))
    rest = _without_holders(rest, too_many)
    return _ended(kept, rest) + rest


def _entries(lines: Lines) -> list[Lines]:
    """Cut lines where an entry begins: at a bullet, after a blank line, or at each line of a list.

    A line stands for itself unless it goes on from the one before: an indented
    line, a line below a bullet, the underline of a heading.
    """
    entries: list[Lines] = []
    in_bullet = False
    for line in lines:
        is_bullet = re.match(_BULLET, line) is not None
        goes_on = bool(line[:1] in b" \t" or re.match(_UNDERLINE, line) or in_bullet)
        if entries and (not line.strip() or (goes_on and not is_bullet and entries[-1][-1].strip())):
            entries[-1].append(line)
        else:
            entries.append([line])
        in_bullet = bool(line.strip()) and (is_bullet or in_bullet)
    return entries


def _has_heading(lines: Lines) -> bool:
    return any(re.match(_UNDERLINE, line) or line.startswith(b"#") for line in lines)


def _left_over(base: Lines, ours: Lines, theirs: Lines) -> int:
    """Return how many of the empty bullets neither side has filled or removed."""
    return max(0, _holders(ours) + _holders(theirs) - _holders(base))


def _holders(lines: Lines) -> int:
    return sum(line.strip() in (b"*", b"-") for line in lines)


def _without_holders(lines: Lines, count: int) -> Lines:
    """Return the lines without some of the empty bullets, the last ones first."""
    kept = list(lines)
    for at in range(len(kept) - 1, -1, -1):
        if count > 0 and kept[at].strip() in (b"*", b"-"):
            del kept[at]
            count -= 1
    return kept


def _one_after_the_other(ours: Lines, theirs: Lines) -> Lines:
    """Join two blocks with as many blank lines between as they have around them."""
    before, after = _blank(theirs), _blank(ours[::-1])
    wanted = max(_blank(ours), before, after, _blank(theirs[::-1]))
    gap = [b"\n"] * max(0, wanted - before - after)
    return [*_ended(ours, theirs), *gap, *theirs]


def _ended(lines: Lines, following: Lines) -> Lines:
    """End the last line, where it has no end and something follows."""
    if lines and following and not lines[-1].endswith(b"\n"):
        return [*lines[:-1], lines[-1] + b"\n"]
    return lines


def _blank(lines: Lines) -> int:
    """Return how many blank lines there are at the beginning."""
    return next((at for at, line in enumerate(lines) if line.strip()), len(lines))


def _defined(block: Lines, sides: Sides) -> set[str]:
    """Return the names that a block defines; empty where it is no run of definitions.

    A diff may cut a block anywhere: what it begins with may be the end of the
    definition before, where the same lines end the block too. Put back in front,
    those lines make it whole.
    """
    for back in range(min(FARTHEST, len(sides.before)) + 1):
        moved = sides.before[len(sides.before) - back :]
        if back and block[len(block) - back :] != moved:
            continue
        names = _names(moved + block[: len(block) - back])
        if names:
            return names
    for ahead in range(1, min(FARTHEST, len(sides.after)) + 1):
        if block[:ahead] == sides.after[:ahead]:
            names = _names(block[ahead:] + block[:ahead])
            if names:
                return names
    return set()


def _names(block: Lines) -> set[str]:
    depth = indent(block)
    if any(line.strip() and line[:depth].strip() for line in block):
        return set()
    tree = parse(b"".join(line[depth:] if line.strip() else b"\n" for line in block))
    names = [_name(node, depth) for node in tree.body] if tree else []
    found = {name for name in names if name}
    return found if len(found) == len(names) else set()


def _name(node: stmt, depth: int) -> str:
    """Return what a statement defines; empty where its order may matter."""
    if isinstance(node, FunctionDef | AsyncFunctionDef | ClassDef):
        return node.name
    if depth:
        return ""
    if isinstance(node, Assign) and len(node.targets) == 1 and isinstance(node.targets[0], Name):
        return node.targets[0].id
    if isinstance(node, AnnAssign) and isinstance(node.target, Name):
        return node.target.id
    return ""


_BULLET = rb"\s*(?:[-*+]|\d+[.)]|\.\.)(?:\s|$)|\["
"""What begins an entry: a bullet, a number, a link target or a comment of reStructuredText."""

_UNDERLINE = rb"([-=~^\"'`#*+_])\1{2,}\s*$"
