"""What one branch did since it parted from another: enough to say which pairs need a look.

Both questions may be answered with yes where the answer is no, never the other way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from guild_plugins.git.changes import Change, tree_changes
from guild_plugins.git.objects import GitObjects
from guild_plugins.git.repository import Repository
from guild_plugins.graph.modules import INIT
from guild_plugins.merge.lost import Versions, find_lost
from guild_plugins.merge.symbols import touched_symbols

_WORD: Final = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class Touched:
    """The functions and classes that were edited in a file."""

    path: str
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Edit:
    """A path that differs: added, removed or changed, and what it is now (mode and id)."""

    path: str
    kind: str
    now: str


@dataclass(frozen=True)
class Delta:
    """What a branch did.

    :param broken: Names that are gone from modules, or are called otherwise, and the last
        parts of the names of modules that are gone.
    :param words: All words in the Python files that it changed.
    """

    edits: tuple[Edit, ...]
    broken: tuple[str, ...]
    words: tuple[str, ...]
    touched: tuple[Touched, ...]

    @cached_property
    def by_path(self) -> dict[str, Edit]:
        """The edits, by path."""
        return {edit.path: edit for edit in self.edits}

    @cached_property
    def folders(self) -> frozenset[str]:
        """The folders above all that is there after the edits."""
        return frozenset(f for edit in self.edits if edit.now for f in _above(edit.path))

    @cached_property
    def kinds(self) -> frozenset[str]:
        """The kinds of edits."""
        return frozenset(edit.kind for edit in self.edits)

    @cached_property
    def said(self) -> frozenset[str]:
        """The words."""
        return frozenset(self.words)


def may_conflict(one: Delta, two: Delta) -> bool:
    """Say whether git could find a conflict.

    It cannot where no path was edited by both, no file of one lies where the other has
    a folder, and nothing can have been renamed into or out of what the other added.
    """
    if any({"A"} & a.kinds and {"D"} & b.kinds for a, b in ((one, two), (two, one))):
        return True
    if any(edit.path in b.folders for a, b in ((one, two), (two, one)) for edit in a.edits):
        return True
    return any(one.by_path[path].now != two.by_path[path].now for path in shared(one, two))


def mentions(one: Delta, two: Delta) -> bool:
    """Say whether one of the branches may use what the other broke."""
    return not (one.said.isdisjoint(two.broken) and two.said.isdisjoint(one.broken))


def shared(one: Delta, two: Delta) -> list[str]:
    """Return the paths that both edited."""
    return sorted(one.by_path.keys() & two.by_path.keys())


def read_delta(repository: Repository, base: str, tree: str) -> Delta:
    """Return what differs between two trees; of Python files, what it means to others."""
    changes = tree_changes(repository, base, tree)
    python = [change for change in changes if change.path.endswith((".py", ".pyi"))]
    broken: set[str] = set()
    words: set[str] = set()
    touched: list[Touched] = []
    with closing(GitObjects(repository.top)) as objects:
        for change, before, after in _contents(objects, python):
            broken |= _broken(change, before, after)
            words |= set(_WORD.findall(after.decode("utf-8", "replace")))
            symbols = touched_symbols(before, after)
            touched += [Touched(change.path, tuple(sorted(symbols)))] if symbols else []
    edits = tuple(Edit(c.path, _kind(c), _now(c)) for c in changes)
    return Delta(edits, tuple(sorted(broken)), tuple(sorted(words)), tuple(touched))


def _contents(objects: GitObjects, changes: list[Change]) -> Iterator[tuple[Change, bytes, bytes]]:
    for change in changes:
        sides = (change.before, change.after)
        oids = [entry.oid for entry in sides if entry is not None and entry.is_file]
        found = dict(objects.read(oids))
        before, after = (found.get(entry.oid, b"") if entry else b"" for entry in sides)
        yield change, before, after


def _broken(change: Change, before: bytes, after: bytes) -> set[str]:
    found = find_lost(Versions(before, after, after, after), "ours").words
    if change.after is None:
        found.add(stem_of(change.path))
    return found


def stem_of(path: str) -> str:
    """Return the last part of a module's name."""
    return path.removesuffix(f"/{INIT}").rpartition("/")[2].partition(".")[0]


def _kind(change: Change) -> str:
    if change.before is None:
        return "A"
    return "D" if change.after is None else "M"


def _now(change: Change) -> str:
    return f"{change.after.mode:o} {change.after.oid}" if change.after else ""


def _above(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
