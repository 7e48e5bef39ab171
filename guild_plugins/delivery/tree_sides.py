"""What two commits and the point where they parted hold, read once and kept for one merge."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from guild_plugins.git.index import Change, changes_between
from guild_plugins.git.objects import GitObjects
from guild_plugins.git.process import run_git
from guild_plugins.git.tree_merging import Version, unpack_tree


class Sides:
    """Two commits that are merged. Contents and trees are read through one process."""

    def __init__(self, top: Path, ours: str, theirs: str, objects: GitObjects) -> None:
        self.top, self.ours, self.theirs = top, ours, theirs
        self._objects = objects
        self._texts: dict[str, bytes] = {}
        self._trees: dict[str, bytes] = {}
        self._changes: dict[str, dict[str, Change]] = {}

    @cached_property
    def base(self) -> str | None:
        """Where they parted, or one of such places; ``None`` where there is none."""
        args = ["merge-base", "--end-of-options", self.ours, self.theirs]
        return next(iter(run_git(args, self.top, accept=(0, 1)).decode().split()), None)

    def changes(self, revision: str) -> dict[str, Change]:
        """Return what a commit or a tree changes on the base, by path; a rename is two changes."""
        if revision not in self._changes:
            found = changes_between(self.top, self.base, revision) if self.base else ()
            self._changes[revision] = {change.path: change for change in found}
        return self._changes[revision]

    def load(self, blobs: Iterable[str]) -> None:
        """Read contents that will be asked for."""
        wanted = {blob for blob in blobs if blob not in self._texts}
        self._texts.update(self._objects.read(sorted(wanted)))

    def text(self, version: Version | tuple[str, str] | None) -> bytes:
        """Return the content of a version; nothing for none."""
        if version is None:
            return b""
        blob = version[1]
        if blob not in self._texts:
            self.load([blob])
        return self._texts.get(blob, b"")

    def read_tree(self, oid: str) -> bytes:
        """Return a tree object as git stores it."""
        if oid not in self._trees:
            self._trees[oid] = self._objects.read_tree(oid)
        return self._trees[oid]

    def entry(self, tree: str, path: str) -> Version | None:
        """Return what is at a path of a tree."""
        *above, name = os.fsencode(path).split(b"/")
        for part in above:
            folder = self._entries(tree).get(part)
            if folder is None or not folder.is_tree:
                return None
            tree = folder.blob
        return self._entries(tree).get(name)

    def _entries(self, tree: str) -> dict[bytes, Version]:
        return unpack_tree(self.read_tree(tree), len(tree) // 2)
