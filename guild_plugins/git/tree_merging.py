"""Merging two commits with ``git merge-tree``, as values; and trees with other files in them.

Nothing is checked out, and no reference and no index is touched. Objects are
written that belong to no commit.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from guild_plugins.git.new_objects import NewObjects
from guild_plugins.git.process import GitFailed, run_git

_NO_DRIVER = (
    "-c",
    "merge.guild.driver=git merge-file -q --marker-size=%L"
    ' -L "$GUILD_OURS" -L "$GUILD_BASE" -L "$GUILD_THEIRS" %A %O %B',
)
"""Where Guild is the merge driver, git would start it for every file that is merged here anyway.

The names of the sides are in variables, since the command is a shell's.
"""


class Version(NamedTuple):
    """What one side has at a path, as git prints it."""

    mode: str
    blob: str

    @property
    def is_tree(self) -> bool:
        """Whether it is a directory."""
        return self.mode == _TREE


class Message(NamedTuple):
    """What git says of some paths: the kind, such as ``CONFLICT (modify/delete)``, and the text."""

    kind: str
    paths: tuple[str, ...]
    text: str

    @property
    def is_conflict(self) -> bool:
        """Whether it leaves something to decide."""
        return self.kind.startswith("CONFLICT")


Stages = dict[str, dict[int, Version]]
"""By path: the base's version as 1, ours as 2, theirs as 3."""


class TreeMerging(NamedTuple):
    """What git made of a merge: a tree, the versions of what is open, and what it says of it."""

    tree: str
    stages: Stages
    messages: tuple[Message, ...]


def merge_by_git(top: Path, ours: str, theirs: str) -> TreeMerging | None:
    """Merge two commits; ``None`` where they are no commits with a common history."""
    args = [*_NO_DRIVER, "merge-tree", "--write-tree", "-z", "--messages"]
    try:
        names = {"GUILD_OURS": ours, "GUILD_BASE": "base", "GUILD_THEIRS": theirs}
        args += ["--end-of-options", ours, theirs]
        output = run_git(args, top, accept=(0, 1), extra_env=names)
    except GitFailed as error:
        if "unrelated histories" in error.stderr:
            return None
        raise
    fields = [os.fsdecode(field) for field in output.split(b"\0")]
    if not fields[0].strip():
        return None
    tree, at = fields[0].strip(), 1
    stages: Stages = {}
    while at < len(fields) and fields[at]:
        about, path = fields[at].split("\t", 1)
        mode, blob, stage = about.split()
        stages.setdefault(path, {})[int(stage)] = Version(mode, blob)
        at += 1
    return TreeMerging(tree, stages, tuple(_messages(fields[at + 1 :])))


def _messages(fields: Sequence[str]) -> Iterable[Message]:
    at = 0
    while at < len(fields) and fields[at].isdigit():
        end = at + 1 + int(fields[at])
        yield Message(fields[end], tuple(fields[at + 1 : end]), fields[end + 1].strip())
        at = end + 2


Change = Version | None
"""What a path is to be; ``None`` for nothing."""


def change_tree(
    new: NewObjects,
    read: Callable[[str], bytes],
    tree: str,
    changes: Mapping[str, Change],
) -> str:
    """Make a tree in which some paths are other files than in another, and return its id.

    Directories that are left without a file are left out.

    :param new: What the trees are added to.
    :param read: Returns the bytes of a tree object.
    """
    levels: list[_Level] = []
    _open_level(read, tree, {os.fsencode(path): made for path, made in changes.items()}, levels)
    for level in reversed(levels):  # each comes after the one that it lies in
        level.close(new.add("tree", level.packed()))
    return levels[0].oid


class _Level:
    """One directory that changes."""

    def __init__(self, above: _Level | None, name: bytes, entries: dict[bytes, Version]) -> None:
        self.above, self.name, self.entries = above, name, entries
        self.oid = ""

    def packed(self) -> bytes:
        """Return it as a tree object: directories are sorted as if they ended in a slash."""
        rows = sorted(
            (name + b"/" if entry.mode == _TREE else name, name, entry)
            for name, entry in self.entries.items()
        )
        return b"".join(
            b"%s %s\0%s" % (entry.mode.lstrip("0").encode(), name, bytes.fromhex(entry.blob))
            for _, name, entry in rows
        )

    def close(self, oid: str) -> None:
        """Put what it became into the directory that it lies in."""
        self.oid = oid
        if self.above is None:
            return
        if self.entries:
            self.above.entries[self.name] = Version(_TREE, oid)
        else:
            self.above.entries.pop(self.name, None)


_TREE = "040000"


def _open_level(
    read: Callable[[str], bytes],
    tree: str,
    changes: Mapping[bytes, Change],
    levels: list[_Level],
    above: _Level | None = None,
    name: bytes = b"",
) -> None:
    level = _Level(above, name, unpack_tree(read(tree), len(tree) // 2) if tree else {})
    levels.append(level)
    deeper: dict[bytes, dict[bytes, Change]] = {}
    for path, made in changes.items():
        first, slash, rest = path.partition(b"/")
        if slash:
            deeper.setdefault(first, {})[rest] = made
        elif made is None:
            level.entries.pop(first, None)
        else:
            level.entries[first] = made
    for first, inner in deeper.items():
        entry = level.entries.get(first)
        subtree = entry.blob if entry is not None and entry.mode == _TREE else ""
        _open_level(read, subtree, inner, levels, level, first)


def unpack_tree(content: bytes, size: int) -> dict[bytes, Version]:
    """Return the entries of a tree object as git stores it.

    :param size: How many bytes an id has.
    """
    entries, at = {}, 0
    while at < len(content):
        blank, zero = content.index(b" ", at), content.index(b"\0", at)
        at, mode = zero + 1 + size, content[at:blank].decode().rjust(6, "0")
        entries[content[blank + 1 : zero]] = Version(mode, content[zero + 1 : at].hex())
    return entries
