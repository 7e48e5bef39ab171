"""What a rule is given: the three versions of one place, and where it stands."""

from __future__ import annotations

from _collections_abc import Callable

Lines = list[bytes]


class Sides:
    """The lines of one place as the base, ours and theirs have them, and some lines around."""

    __slots__ = ("after", "base", "before", "ours", "theirs")

    def __init__(
        self,
        base: Lines,
        ours: Lines,
        theirs: Lines,
        before: Lines | None = None,
        after: Lines | None = None,
    ) -> None:
        self.base, self.ours, self.theirs = base, ours, theirs
        self.before, self.after = before or [], after or []

    @property
    def all(self) -> tuple[Lines, Lines, Lines]:
        """The three versions."""
        return self.base, self.ours, self.theirs

    @property
    def both_added(self) -> bool:
        """Whether nothing stood here before, and both sides put something."""
        return (
            all(map(is_holder, self.base)) and bool(squash(self.ours)) and bool(squash(self.theirs))
        )


class Uses:
    """Which words the code uses beside its imports: on either side, and when merged."""

    __slots__ = ("merged", "ours", "theirs")

    def __init__(self, ours: set[bytes], theirs: set[bytes], merged: set[bytes]) -> None:
        self.ours, self.theirs, self.merged = ours, theirs, merged


CALM, USUAL, BUSY = "calm", "usual", "busy"
"""How much happened in the rest of a file: one side changed nothing else; between; both much."""


class Place:
    """Where a conflict stands: the kind of file, its pace, and what the rest of it uses.

    ``ahead`` is the side that went on from the other, if one did; ``without`` names
    the rules that are switched off.
    """

    __slots__ = ("ahead", "find_uses", "kind", "pace", "without")

    def __init__(
        self,
        kind: str,
        find_uses: Callable[[], Uses],
        pace: str = USUAL,
        ahead: str = "",
        without: frozenset[str] = frozenset(),
    ) -> None:
        self.kind, self.find_uses, self.pace, self.ahead = kind, find_uses, pace, ahead
        self.without = without


def is_holder(line: bytes) -> bool:
    """Return whether a line is blank, or holds the place of something to be written there."""
    words = line.strip()
    return words in _EMPTY_ENTRIES or (words.startswith(b"<!--") and words.endswith(b"-->"))


def squash(lines: Lines) -> bytes:
    """Return the lines without any whitespace."""
    return b"".join(b"".join(lines).split())


def indent(lines: Lines) -> int:
    """Return how far the first line of code is indented."""
    for line in lines:
        if line.strip() and not line.lstrip().startswith(b"#"):
            return len(line) - len(line.lstrip())
    return 0


_EMPTY_ENTRIES = (b"", b"*", b"-")
"""Lines with nothing in them; comments of Markdown hold a place as well."""
