"""A merge as text: what is settled, and git's markers around the rest."""

from __future__ import annotations

from guild_plugins.merge.diff3 import THEIRS, Alignment, Hunk
from guild_plugins.merge.lines import ends_with_cr
from guild_plugins.merge.refine import MERGE, Region, find_regions

MARKER_SIZE = 7


class Labels:
    """What stands beside the markers: usually the names of the commits."""

    __slots__ = ("base", "ours", "theirs")

    def __init__(
        self, ours: bytes = b"ours", base: bytes = b"base", theirs: bytes = b"theirs"
    ) -> None:
        self.ours, self.base, self.theirs = ours, base, theirs


class Style:
    """How conflicts are shown: git's ``merge``, ``diff3`` or ``zdiff3``, and the markers' size."""

    __slots__ = ("kind", "labels", "size")

    def __init__(
        self, kind: str = MERGE, size: int = MARKER_SIZE, labels: Labels | None = None
    ) -> None:
        self.kind, self.size, self.labels = kind, size, labels or Labels()


def render(aligned: Alignment, settled: dict[Hunk, list[bytes]], style: Style) -> bytes:
    """Return the merged text, with markers around each conflict that is not settled."""
    patches = [
        (hunk.ours, aligned.theirs[slice(*hunk.theirs)])
        for hunk in aligned.hunks
        if hunk.kind == THEIRS
    ]
    patches += [(hunk.ours, lines) for hunk, lines in settled.items()]
    still_open = [hunk for hunk in aligned.conflicts if hunk not in settled]
    patches += [
        (region.ours, _marked(aligned, region, style))
        for region in find_regions(aligned, still_open, style.kind)
    ]
    patches.sort(key=lambda patch: patch[0])
    return _patched(aligned.ours, patches)


def _patched(lines: list[bytes], patches: list[tuple[tuple[int, int], list[bytes]]]) -> bytes:
    merged: list[bytes] = []
    at = 0
    for (start, end), replacement in patches:
        merged += lines[at:start]
        merged += replacement
        at = end
    merged += lines[at:]
    return b"".join(merged)


def _marked(aligned: Alignment, region: Region, style: Style) -> list[bytes]:
    end = _line_end(aligned, region)
    labels, size = style.labels, style.size
    ours = aligned.ours[slice(*region.ours)]
    theirs = aligned.theirs[slice(*region.theirs)]
    marked = [_marker(b"<", size, labels.ours, end), *_ended(ours, end)]
    if style.kind != MERGE:
        base = aligned.base[slice(*region.base)]
        marked += [_marker(b"|", size, labels.base, end), *_ended(base, end)]
    marked += [_marker(b"=", size, b"", end), *_ended(theirs, end)]
    return [*marked, _marker(b">", size, labels.theirs, end)]


def _marker(sign: bytes, size: int, label: bytes, end: bytes) -> bytes:
    return sign * size + (b" " + label if label else b"") + end


def _ended(lines: list[bytes], end: bytes) -> list[bytes]:
    """End a last line that has no end: a marker follows it."""
    if lines and not lines[-1].endswith(b"\n"):
        return [*lines[:-1], lines[-1] + end]
    return lines


def _line_end(aligned: Alignment, region: Region) -> bytes:
    """CR LF only where both sides have it before the region, and the base at its beginning."""
    found = ends_with_cr(aligned.ours, max(region.ours[0] - 1, 0))
    if found is not False:
        found = ends_with_cr(aligned.theirs, max(region.theirs[0] - 1, 0))
    if found is not False:
        found = ends_with_cr(aligned.base, 0)
    return b"\r\n" if found else b"\n"
