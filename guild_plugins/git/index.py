"""The index: what is staged, read from a copy, so that the user's own is never touched.

A copy is a file of its own, named by ``GIT_INDEX_FILE``. Git replaces an index by
renaming, so a copy is always of one whole state.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.listing import Listing
from guild_plugins.git.lockfile import take_place
from guild_plugins.git.process import run_git, split_names
from guild_plugins.git.refs import DURABLE


class IndexLocked(GuildError):
    """Git's lock on the index is held, or was left behind."""

    slug = "index-locked"
    exit = Exit.CONTENDED
    remedy = "Wait for the other git process; if there is none, remove the file."

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path} is there: another git process changes the index."


class Change(NamedTuple):
    """What happened to one path between two trees; ``None`` is "not there".

    :param old: Mode and object before, as git prints them: ``("100644", "…")``.
    """

    path: str
    old: tuple[str, str] | None
    new: tuple[str, str] | None


class Index(NamedTuple):
    """An index in a file of its own, of some work tree."""

    top: Path
    file: Path

    def run(self, args: list[str], *, input: bytes | None = None) -> bytes:
        """Run a git command on this index; what it writes is durable."""
        own = {"GIT_INDEX_FILE": str(self.file), **DURABLE}
        return run_git(args, self.top, input=input, extra_env=own)

    def conflicts(self) -> list[str]:
        """Return the paths that a merge left undecided."""
        lines = split_names(self.run(["ls-files", "-z", "--unmerged"]))
        return sorted({line.partition("\t")[2] for line in lines})

    def entries(self) -> dict[str, tuple[str, str]]:
        """Return path to mode and object, without paths that are only intended."""
        lines = split_names(self.run(["ls-files", "-z", "--stage"]))
        split = (line.partition("\t") for line in lines)
        return {path: (head.split()[0], head.split()[1]) for head, _, path in split}

    def write_tree(self) -> str:
        """Write what is staged as a tree, and return its name."""
        return self.run(["write-tree"]).decode().strip()

    def apply(self, changes: Iterable[Change]) -> None:
        """Stage changes, the removals first: a file may give way to a folder."""
        ordered = sorted(changes, key=lambda change: change.new is not None)
        self.run(
            ["update-index", "-z", "--index-info"],
            input=os.fsencode("".join(map(_index_info, ordered))),
        )

    def stage_all(self) -> None:
        """Stage every change of a tracked file in the work tree, as ``git commit --all`` does."""
        self.run(["add", "--update"])


def copy_index(top: Path, git_dir: Path, target: Path) -> Index:
    """Copy a work tree's index; an index that is not there yet is empty.

    The copy has the time of the original: a file that is no older than its index may
    have been changed since without looking it, and git reads it again for that.
    """
    with suppress(FileNotFoundError), (git_dir / "index").open("rb") as source:
        with target.open("wb") as copy:
            copy.write(source.read())
        seen = os.fstat(source.fileno())
        os.utime(target, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    return Index(top, target)


def index_of_tree(top: Path, tree: str | None, target: Path) -> Index:
    """Return an index that has what a tree has; nothing for ``None``."""
    index = Index(top, target)
    index.run(["read-tree", tree] if tree is not None else ["read-tree", "--empty"])
    return index


def empty_tree(top: Path) -> str:
    """Return the name of the tree with nothing in it, in the repository's own format."""
    return run_git(["hash-object", "-t", "tree", os.devnull], top).decode().strip()


def changes_between(top: Path, old: str, new: str) -> list[Change]:
    """Return what differs between two trees, by path; a rename is a removal and an addition."""
    options = ["-r", "-z", "--raw", "--no-renames", "--no-abbrev", "--ignore-submodules=none"]
    words = split_names(run_git(["diff-tree", *options, old, new], top))
    return [_change(head, path) for head, path in zip(words[::2], words[1::2], strict=True)]


def staged_paths(index: Index, head: str | None) -> list[str]:
    """Return the paths that differ from a commit, without those that are only intended.

    :param head: ``None`` before the first commit: then all paths differ.
    """
    if head is None:
        return sorted(index.entries())
    options = ["--cached", "--name-only", "-z", "--no-renames", "--ita-invisible-in-index"]
    return split_names(index.run(["diff-index", *options, head, "--"]))


def entries_of(
    index: Index, head: str | None, staged: Collection[str], names: Sequence[str]
) -> Listing:
    """Return some files as the index has them, without reading all of a large index if possible.

    :param staged: The paths that differ from the commit (see `staged_paths`).
    """
    if head is None or not set(names).isdisjoint(staged):
        return Listing(index.run(["ls-files", "--stage", "-z", "--", *names]))
    return Listing(run_git(["ls-tree", "-z", head, "--", *names], index.top))


def _change(head: str, path: str) -> Change:
    old_mode, new_mode, old, new, _ = head.removeprefix(":").split(" ")
    return Change(path, _entry(old_mode, old), _entry(new_mode, new))


def _entry(mode: str, oid: str) -> tuple[str, str] | None:
    return (mode, oid) if oid.strip("0") else None


def _index_info(change: Change) -> str:
    """Return the line that stages a change; a removal is a mode of 0, and any object."""
    mode, oid = change.new or ("0", (change.old or ("", ""))[1])
    return f"{mode} {oid}\t{change.path}\0"


def install_index(index: Index, git_dir: Path, expected: bytes | None) -> None:
    """Put an index in the place of the work tree's own, if that is still what it was.

    :param expected: The bytes of the index that this one was made from.
    :raises IndexLocked: Another git process has it locked.
    """
    blocked = take_place(index.file, git_dir / "index", expected)
    if blocked is not None:
        raise IndexLocked(str(blocked))
