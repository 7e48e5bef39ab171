"""Lines, or arcs between them, that ran in files: what is kept of coverage.

Lines of a file are one whole number, with a bit for each, as in coverage.py's own data; arcs are
a set. Paths in the repository are kept without its place, so that every clone can use them.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from coverage import CoverageData

Points: TypeAlias = int | frozenset[tuple[int, int]] | None
"""Lines, arcs, or nothing of a file that was measured."""

TOP = "<top>/"
"""The beginning of a path in the repository, where it is not to say where that is."""

LARGEST = 64 * 1024 * 1024
"""Bytes that what is kept may become when it is unpacked."""


class Cover:
    """What ran of each file; plugins of coverage.py that measured it."""

    def __init__(self) -> None:
        self.points: dict[str, Points] = {}
        self.tracers: dict[str, str] = {}

    def put(self, path: str, points: Points, tracer: str = "") -> None:
        """Add what ran of one file."""
        self.points[path] = _joined(self.points.get(path), points)
        if tracer:
            self.tracers[path] = tracer

    def add(self, other: Cover) -> None:
        """Add what ran elsewhere."""
        for path, points in other.points.items():
            self.put(path, points)
        self.tracers.update(other.tracers)

    @classmethod
    def union(cls, covers: Iterable[Cover]) -> Cover:
        """Return what ran in any of them."""
        found = cls()
        for cover in covers:
            found.add(cover)
        return found

    def joined(self, other: Cover) -> Cover:
        """Return what ran here or there."""
        return Cover.union((self, other))

    def of(self, is_wanted: Callable[[str], bool]) -> Cover:
        """Return what ran of some files."""
        return self._renamed((path, path) for path in self.points if is_wanted(path))

    def without(self, other: Cover) -> Cover:
        """Return what ran here and not there; all files stay."""
        found = self._renamed((path, path) for path in self.points)
        for path, points in other.points.items():
            if path in found.points:
                found.points[path] = _less(found.points[path], points)
        return found

    # -- places -----------------------------------------------------------------------

    def placed(self, top: Path) -> Cover:
        """Return it without where the repository is, and without files of which nothing ran."""
        start = f"{top}{os.sep}"
        ran = [path for path, points in self.points.items() if points]
        return self._renamed(
            (path, TOP + path.removeprefix(start) if path.startswith(start) else path)
            for path in ran
        )

    def spread_to(self, top: Path) -> Cover:
        """Return what ``placed`` returned, for a repository that is here."""
        return self._renamed((path, self.spread(path, top)) for path in self.points)

    @staticmethod
    def spread(path: str, top: Path) -> str:
        """Return one path of what ``placed`` returned, for a repository that is here."""
        return f"{top}{os.sep}{path.removeprefix(TOP)}" if path.startswith(TOP) else path

    def _renamed(self, pairs: Iterable[tuple[str, str]]) -> Cover:
        found = Cover()
        for old, new in pairs:
            found.put(new, self.points[old], self.tracers.get(old, ""))
        return found

    # -- as data ------------------------------------------------------------------------

    def encode(self) -> bytes:
        """Return it as packed JSON; the same bytes for the same."""
        files = {path: _plain(self.points[path]) for path in sorted(self.points)}
        data = {"files": files, "tracers": self.tracers}
        return zlib.compress(json.dumps(data, sort_keys=True).encode("ascii"), 1)

    @classmethod
    def decode(cls, content: bytes) -> Cover | None:
        """Return what ``encode`` packed; ``None`` where it is nothing of the kind."""
        try:
            data = json.loads(zlib.decompressobj().decompress(content, LARGEST))
            found = cls()
            for path, points in data["files"].items():
                tracer = str(data["tracers"].get(path, ""))
                found.put(path, _points(points), tracer)
        except (ValueError, KeyError, TypeError, AttributeError, zlib.error, RecursionError):
            return None
        return found

    def write(self, data: CoverageData) -> bool:
        """Add what ran to a file of coverage.py's, in the context that is set there, if any did."""
        lines = {p: list(_lines(n)) for p, n in self.points.items() if isinstance(n, int)}
        arcs = {p: list(a) for p, a in self.points.items() if isinstance(a, frozenset)}
        if lines:
            data.add_lines(lines)
        if arcs:
            data.add_arcs(arcs)
        data.add_file_tracers({p: t for p, t in self.tracers.items() if p in lines or p in arcs})
        return bool(lines or arcs)

    def touch(self, data: CoverageData) -> None:
        """Have files of which nothing ran be in a file of coverage.py's, which is not empty."""
        for path in self.points:
            data.touch_file(path, self.tracers.get(path, ""))


def _joined(one: Points, other: Points) -> Points:
    if isinstance(one, int) and isinstance(other, int):
        return one | other
    if isinstance(one, frozenset) and isinstance(other, frozenset):
        return one | other
    return other if one is None else one


def _less(one: Points, other: Points) -> Points:
    if isinstance(one, int) and isinstance(other, int):
        return one & ~other
    if isinstance(one, frozenset) and isinstance(other, frozenset):
        return one - other
    return one


def _lines(number: int) -> Iterator[int]:
    while number:
        lowest = number & -number
        yield lowest.bit_length() - 1
        number ^= lowest


def _plain(points: Points) -> Any:
    if isinstance(points, int):
        return f"{points:x}"
    return sorted(points or ())


def _points(plain: Any) -> Points:
    if isinstance(plain, str):
        return int(plain, 16)
    return frozenset((int(start), int(end)) for start, end in plain)
