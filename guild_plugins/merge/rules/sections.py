"""The sections of a text: headings, the lines below them, and what a heading says of a release."""

from __future__ import annotations

from guild_plugins.merge.rules.sides import Lines, squash


class Section:
    """The lines below a heading, and the headings that it is under; none at the beginning."""

    __slots__ = ("body", "heading", "path")

    def __init__(self, path: tuple[bytes, ...], heading: Lines) -> None:
        self.path, self.heading = path, heading
        self.body: Lines = []

    @property
    def is_top(self) -> bool:
        """Whether it is under no other heading."""
        return len(self.path) == 1

    @property
    def version(self) -> tuple[int, ...]:
        """The number of the release; empty where the heading has none."""
        return version_in(self.heading[0]) if self.heading else ()

    @property
    def is_pending(self) -> bool:
        """Whether it is of what is not released yet."""
        said = [*self.heading[:1], *(line for line in self.body[:2] if not is_bullet(line))]
        return any(word in line.lower() for line in said for word in _PENDING)


def cut_sections(lines: Lines) -> list[Section]:
    """Cut lines at headings, underlined or with ``#``."""
    found = [Section((), [])]
    above: list[tuple[bytes, bytes]] = []
    for line in lines:
        body = found[-1].body
        mark = hashes_of(line)
        has_ruler = bool(body and body[-1].strip() and is_underline(line))
        if not mark and not has_ruler:
            body.append(line)
            continue
        kind = mark or line[:1]
        heading = [body.pop(), line] if has_ruler and not mark else [line]
        kinds = [known for known, _ in above]
        above = above[: kinds.index(kind)] if kind in kinds else above
        if mark:
            above = [known for known in above if len(known[0]) < len(mark)]
        above = [*above, (kind, squash(heading[:1]))]
        found.append(Section(tuple(name for _, name in above), heading))
    return found


def top_headings(lines: Lines) -> set[bytes]:
    """Return the headings that are under no other."""
    return {section.path[0] for section in cut_sections(lines) if section.path}


def versions_of(lines: Lines) -> list[tuple[int, ...]]:
    """Return the versions of the releases; empty where a heading at the top has none."""
    found = [section.version for section in cut_sections(lines) if section.is_top]
    return found if all(found) else []


def pending_in(lines: Lines) -> list[Section]:
    """Return the sections at the top of what is not released yet."""
    return [section for section in cut_sections(lines) if section.is_top and section.is_pending]


def version_in(line: bytes) -> tuple[int, ...]:
    """Return the first version number of a line, less what stands for development."""
    for word in line.replace(b"[", b" ").replace(b"]", b" ").split():
        numbers = word.lstrip(b"vV").split(b".")
        if len(numbers) > 1 and numbers[0].isdigit() and numbers[1][:1].isdigit():
            return tuple(int(number) for number in numbers if number.isdigit())
    return ()


def lines_below(lines: Lines) -> Lines:
    """Return the lines that are no headings: both sides may well have the same."""
    return [
        line for section in cut_sections(lines) for line in section.body if not _says_when(line)
    ]


def _says_when(line: bytes) -> bool:
    """Return whether a line says when a release was, or will be, made."""
    words = line.strip().lstrip(b"(*_").lower()
    return words.startswith((b"release", b"unreleased"))


def hashes_of(line: bytes) -> bytes:
    """Return the sign of a heading of Markdown; empty where there is none."""
    rest = line.lstrip(b"#")
    return line[: len(line) - len(rest)] if rest[:1].isspace() else b""


def is_underline(line: bytes) -> bool:
    """Return whether a line is a ruler, as below a heading of reStructuredText."""
    signs = line.rstrip()
    return len(signs) >= SHORTEST and signs[:1] in _RULERS and not signs.strip(signs[:1])


def is_bullet(line: bytes) -> bool:
    """Return whether an entry begins: at a bullet, a number, a link target, a comment (rst)."""
    if line.startswith(b"["):
        return True
    word = line.split(None, 1)[0] if line.strip() else b""
    return word in _BULLETS or (word[:-1].isdigit() and word[-1:] in (b".", b")"))


_PENDING = (
    b"unreleased",
    b"[next]",
    b".dev",
    b"in development",
    b"to be decided",
    b"to be released",
)
"""What a heading says, or the line below it, of a release that is to come."""

SHORTEST = 3
"""An underline has so many signs at least."""

_BULLETS = (b"-", b"*", b"+", b"..")

_RULERS = tuple(b"-=~^\"'`#*+_"[at : at + 1] for at in range(11))
