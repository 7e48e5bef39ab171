"""The check across the files of a merge of two commits: see `merge.collisions`."""

from __future__ import annotations

import os
import re
from collections.abc import Collection

from guild_plugins.delivery.tree_sides import Sides
from guild_plugins.git.process import run_git
from guild_plugins.merge.collisions import Collision, find_collisions
from guild_plugins.merge.lost import Versions

_ENDINGS = (".py", ".pyi")


def collisions_between(sides: Sides, tree: str) -> tuple[Collision, ...]:
    """Return what collides in a merge.

    :param tree: What the merge made.
    """
    ours, theirs = (_python(sides, revision) for revision in (sides.ours, sides.theirs))
    if not ours or not theirs:
        return ()
    names = sorted(ours | theirs)
    merged = sides.changes(tree)
    found: dict[str, list[tuple[str, str] | None]] = {}
    for path in names:
        changes = [sides.changes(revision).get(path) for revision in (sides.ours, sides.theirs)]
        base = next(change.old for change in changes if change is not None)
        after = [change.new if change is not None else base for change in changes]
        found[path] = [base, *after, merged[path].new if path in merged else base]
    sides.load(version[1] for versions in found.values() for version in versions if version)
    changed = {
        path: Versions(*(sides.text(version) for version in versions))
        for path, versions in found.items()
    }
    return find_collisions(changed, _Merged(sides, tree))


def _python(sides: Sides, revision: str) -> set[str]:
    """Return the Python files that a commit changed, those that it removed or added included."""
    return {path for path in sides.changes(revision) if path.endswith(_ENDINGS)}


class _Merged:
    """The merged tree, as far as it is asked for."""

    def __init__(self, sides: Sides, tree: str) -> None:
        self._sides, self._tree = sides, tree

    def paths(self) -> Collection[str]:
        """Return all paths."""
        output = run_git(["ls-tree", "-r", "-z", "--name-only", self._tree], self._sides.top)
        return {os.fsdecode(name) for name in output.split(b"\0") if name}

    def read(self, path: str) -> bytes:
        """Return a file's content; nothing for none."""
        return self._sides.text(self._sides.entry(self._tree, path))

    def defining(self, names: Collection[str]) -> Collection[str]:
        """Return those of some names that any Python file may give to something."""
        words = "|".join(sorted(names))
        pattern = (
            rf"(def|class) +({words})\b|^ *({words}) *(:|=[^=])|\.({words}) *(:[^=]*)?=[^=]"
            rf"|['\"]({words})['\"]"
        )
        args = ["grep", "-h", "-I", "-o", "-E", "-e", pattern, self._tree, "--", "*.py", "*.pyi"]
        found = run_git(
            args, self._sides.top, accept=(0, 1), extra_env={"GIT_LITERAL_PATHSPECS": "0"}
        )
        return set(re.findall(r"\w+", found.decode("utf-8", "replace"))) & set(names)
