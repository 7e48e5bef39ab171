"""Both sides added code or data at the same place: both stay, ours first.

What may be joined like this depends on what it is: whole definitions, statements,
pairs of a data file. Two blocks that look alike are one thing that was renamed or
edited, not two, and are left to a person. For texts see `entries`.
"""

from __future__ import annotations

from _ast import AnnAssign, Assign, AsyncFunctionDef, ClassDef, FunctionDef, Name, stmt

from guild_plugins.merge.data import FORMATS
from guild_plugins.merge.kinds import PYTHON
from guild_plugins.merge.names import parse
from guild_plugins.merge.rules.imports import read_imports
from guild_plugins.merge.rules.sides import Lines, Place, Sides, indent, squash

ALIKE = 0.6
"""Two blocks that share more of their lines than this are taken for one."""

FEW = 3
"""Lines of so few words are never taken for versions of one entry."""

FARTHEST = 12
"""A block may begin so many lines before its first definition: see `_defined`."""


def settle_definitions(sides: Sides, place: Place) -> Lines | None:
    """Return both sides' functions, classes and constants, where no name is in both."""
    if place.kind != PYTHON or not sides.both_added or look_alike(sides.ours, sides.theirs):
        return None
    ours, theirs = _defined(sides.ours, sides), _defined(sides.theirs, sides)
    if not ours or not theirs or ours & theirs:
        return None
    return _one_after_the_other(sides.ours, sides.theirs)


def settle_statements(sides: Sides, place: Place) -> Lines | None:
    """Return both sides' statements, one block after the other, but no imports: see `imports`."""
    if place.kind != PYTHON or not sides.both_added:
        return None
    if read_imports(sides.ours) is not None or read_imports(sides.theirs) is not None:
        return None
    if look_alike(sides.ours, sides.theirs) or alike_lines(sides.ours, sides.theirs):
        return None
    return [*ended(sides.ours, sides.theirs), *sides.theirs]


def settle_pairs(sides: Sides, place: Place) -> Lines | None:
    """Return both sides' lines in a data file: proposed, as the values are checked as well."""
    if place.kind not in FORMATS or not sides.both_added:
        return None
    if look_alike(sides.ours, sides.theirs):
        return None
    return [*ended(sides.ours, sides.theirs), *sides.theirs]


def look_alike(ours: Lines, theirs: Lines) -> bool:
    """Return whether two blocks share so many lines that they are versions of one."""
    one = {key for line in ours if len(key := squash([line])) > FEW}
    two = {key for line in theirs if len(key := squash([line])) > FEW}
    fewest = min(len(one), len(two))
    return bool(fewest) and len(one & two) > ALIKE * fewest


def alike_lines(ours: Lines, theirs: Lines) -> bool:
    """Return whether a line of ours and one of theirs are versions of one entry."""
    one = [words for line in ours if len(words := set(line.split())) > FEW]
    two = [words for line in theirs if len(words := set(line.split())) > FEW]
    return any(len(a & b) > ALIKE * len(a | b) for a in one for b in two if a != b)


def _one_after_the_other(ours: Lines, theirs: Lines) -> Lines:
    """Join two blocks with as many blank lines between as they have around them."""
    before, after = _blank(theirs), _blank(ours[::-1])
    wanted = max(_blank(ours), before, after, _blank(theirs[::-1]))
    gap = [b"\n"] * max(0, wanted - before - after)
    return [*ended(ours, theirs), *gap, *theirs]


def ended(lines: Lines, following: Lines) -> Lines:
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
