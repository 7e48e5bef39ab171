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
from guild_plugins.merge.rules.sides import Lines, Place, Sides, squash

_LISTS = (CHANGELOG, PEOPLE, PATTERNS)
_TEXTS = (*_LISTS, PROSE, PINS)


def settle(sides: Sides, place: Place) -> Lines | None:
    """Return both sides' entries of a changelog or a list of people or patterns.

    Left to `settle_releases` are sides with other headings than each other's, where
    people differ about which release an entry is of, and a file that both sides made.
    """
    mine = _top_headings(sides.ours)
    if _is_whole(sides) or (mine and mine != _top_headings(sides.theirs)):
        return None
    return settle_releases(sides, place)


def settle_releases(sides: Sides, place: Place) -> Lines | None:
    """Return both sides' entries, whatever their headings."""
    return settle_texts(sides, place) if place.kind in _LISTS else None


def settle_texts(sides: Sides, place: Place) -> Lines | None:
    """Return both sides' lines of a text."""
    if place.kind not in _TEXTS or not sides.both_added:
        return None
    if look_alike(sides.ours, sides.theirs) or alike_lines(sides.ours, sides.theirs):
        return None
    return _merged(sides)


class _Section:
    """The lines below a heading, and the headings that it is under; none at the beginning."""

    __slots__ = ("body", "heading", "path")

    def __init__(self, path: tuple[bytes, ...], heading: Lines) -> None:
        self.path, self.heading = path, heading
        self.body: Lines = []


def _is_whole(sides: Sides) -> bool:
    """Return whether both sides made a file of which there is nothing else."""
    return not (sides.base or sides.before or sides.after)


def _top_headings(lines: Lines) -> set[tuple[bytes, ...]]:
    return {section.path[:1] for section in _sections(lines) if section.path}


def _merged(sides: Sides) -> Lines:
    """Join section by section."""
    merged = _sections(sides.ours)
    bodies = {section.path: section for section in merged}
    at = 0
    for section in _sections(sides.theirs):
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


def _sections(lines: Lines) -> list[_Section]:
    """Cut lines at headings, underlined or with ``#``."""
    found = [_Section((), [])]
    above: list[tuple[bytes, bytes]] = []
    for line in lines:
        body = found[-1].body
        mark = _hashes(line)
        is_underline = bool(body and body[-1].strip() and _is_underline(line))
        if not mark and not is_underline:
            body.append(line)
            continue
        kind = mark or line[:1]
        heading = [body.pop(), line] if is_underline and not mark else [line]
        kinds = [known for known, _ in above]
        above = above[: kinds.index(kind)] if kind in kinds else above
        above = [*above, (kind, squash(heading[:1]))]
        found.append(_Section(tuple(name for _, name in above), heading))
    return found


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
        is_bullet = _is_bullet(line)
        goes_on = line[:1] in b" \t" or in_bullet or _is_underline(line)
        is_more = goes_on and not is_bullet and entries and entries[-1][-1].strip()
        if entries and (is_more or not line.strip()):
            entries[-1].append(line)
        else:
            entries.append([line])
        in_bullet = bool(line.strip()) and (is_bullet or in_bullet)
    return entries


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


def _hashes(line: bytes) -> bytes:
    """Return the sign of a heading of Markdown; empty where there is none."""
    rest = line.lstrip(b"#")
    return line[: len(line) - len(rest)] if rest[:1].isspace() else b""


def _is_underline(line: bytes) -> bool:
    signs = line.rstrip()
    return len(signs) >= SHORTEST and signs[:1] in _RULERS and not signs.strip(signs[:1])


def _is_bullet(line: bytes) -> bool:
    """Return whether an entry begins: at a bullet, a number, a link target, a comment (rst)."""
    if line.startswith(b"["):
        return True
    word = line.split(None, 1)[0] if line.strip() else b""
    return word in _BULLETS or (word[:-1].isdigit() and word[-1:] in (b".", b")"))


SHORTEST = 3
"""An underline has so many signs at least."""

_BULLETS = (b"-", b"*", b"+", b"..")

_RULERS = tuple(b"-=~^\"'`#*+_"[at : at + 1] for at in range(11))
