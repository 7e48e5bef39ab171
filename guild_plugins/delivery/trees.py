"""Merge whole trees in memory: git finds what goes where, the engine merges contents.

``git merge-tree`` follows renames of files and directories and tells every kind
of conflict. Where the contents of a file conflict, its three versions are merged
here by the rules; what comes out clean is put into the resulting tree, and all
that is left is told as git tells it. Nothing is checked out, no reference and no
index is touched; the objects that are written belong to no commit.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from guild_plugins.delivery.collisions import collisions_between
from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.process import run_git
from guild_plugins.merge.engine import merge
from guild_plugins.merge.histogram import TooCostly
from guild_plugins.merge.refine import MERGE
from guild_plugins.merge.render import Labels, Style
from guild_plugins.merge.result import Clean, Conflict

_REGULAR = ("100644", "100755")
SEMANTIC = "CONFLICT (semantic)"
"""The kind of what collides though every file merges; git has no such kind."""

_CONTENT = ("CONFLICT (contents)", "CONFLICT (add/add)")


_NO_DRIVER = ("-c", "merge.guild.driver=git merge-file -q --marker-size=%L %A %O %B")
"""Where Guild is the merge driver, git would start it for every file that is merged here anyway."""


class NotMergeable(GuildError):
    """Two names are not two commits with a common history."""

    slug = "not-mergeable"
    exit = Exit.USAGE

    def __init__(self, ours: str, theirs: str) -> None:
        super().__init__(ours, theirs)
        self.ours, self.theirs = ours, theirs

    def __str__(self) -> str:
        return f"{self.ours} and {self.theirs} are no commits that git can merge."


@dataclass(frozen=True, slots=True)
class Message:
    """What git says of some paths: the kind, such as ``CONFLICT (modify/delete)``, and the text."""

    kind: str
    paths: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class MergedFile:
    """A file whose contents conflicted for git, and what the rules made of it."""

    path: str
    result: Clean | Conflict


@dataclass(frozen=True, slots=True)
class TreeMerge:
    """A merge of two commits: the tree, what was settled by rules, and what is open.

    Files that are open have markers in the tree, as git's have.
    """

    tree: str
    files: tuple[MergedFile, ...]
    conflicts: tuple[Message, ...]

    @property
    def is_clean(self) -> bool:
        """Whether the tree can be committed as it is."""
        return not self.conflicts


@dataclass(frozen=True, slots=True)
class _Version:
    mode: str
    blob: str


_Stages = dict[str, dict[int, _Version]]


def merge_trees(repository: Path, ours: str, theirs: str) -> TreeMerge:
    """Merge two commits.

    :raises NotMergeable: One of them is no commit, or they have no common ancestor.
    """
    merged = merge_contents(repository, ours, theirs)
    collisions = collisions_between(repository, ours, theirs, merged.tree)
    found = tuple(Message(SEMANTIC, (c.user, c.module), str(c)) for c in collisions)
    return TreeMerge(merged.tree, merged.files, merged.conflicts + found)


def merge_contents(repository: Path, ours: str, theirs: str) -> TreeMerge:
    """Merge two commits file by file, without the check across files.

    Wherever git finds a conflict in the contents of a file, ``files`` has that file.
    """
    tree, stages, messages = _by_git(repository, ours, theirs)
    wanted = _mergeable(stages, messages)
    if not wanted:
        return TreeMerge(tree, (), tuple(filter(_is_conflict, messages)))
    contents = _read_blobs(repository, [v.blob for path in wanted for v in stages[path].values()])
    style = Style(MERGE, labels=Labels(os.fsencode(ours), b"base", os.fsencode(theirs)))
    files = []
    for path in wanted:
        texts = [
            contents[stages[path][side].blob] if side in stages[path] else b"" for side in (1, 2, 3)
        ]
        files.append(MergedFile(path, _merge_one(path, texts, style)))
    settled = {file.path: file.result.text for file in files if file.result.is_clean}
    if settled:
        tree = _replace(repository, tree, settled)
    still_open = (
        message
        for message in messages
        if _is_conflict(message)
        and not (message.kind in _CONTENT and set(message.paths) <= settled.keys())
    )
    return TreeMerge(tree, tuple(files), tuple(still_open))


def _merge_one(path: str, texts: list[bytes], style: Style) -> Clean | Conflict:
    try:
        base, ours, theirs = texts
        return merge(path, base, ours, theirs, style)
    except TooCostly:
        return Conflict(texts[1], reason="too long or too repetitive to be compared")


def _is_conflict(message: Message) -> bool:
    return message.kind.startswith("CONFLICT")


def _mergeable(stages: _Stages, messages: list[Message]) -> list[str]:
    """Return the paths with nothing but a conflict of contents in regular files of one mode."""
    other = {
        path
        for message in messages
        if _is_conflict(message) and message.kind not in _CONTENT
        for path in message.paths
    }
    return [
        path
        for path, versions in stages.items()
        if {2, 3} <= versions.keys()
        and path not in other
        and all(version.mode in _REGULAR for version in versions.values())
        and versions[2].mode == versions[3].mode
    ]


def _by_git(repository: Path, ours: str, theirs: str) -> tuple[str, _Stages, list[Message]]:
    args = [*_NO_DRIVER, "merge-tree", "--write-tree", "-z", "--messages"]
    args += ["--end-of-options", ours, theirs]
    output = run_git(args, repository, accept=(0, 1))
    fields = [os.fsdecode(field) for field in output.split(b"\0")]
    if not fields[0].strip():
        raise NotMergeable(ours, theirs)
    tree, at = fields[0].strip(), 1
    stages: _Stages = {}
    while at < len(fields) and fields[at]:
        about, path = fields[at].split("\t", 1)
        mode, blob, stage = about.split()
        stages.setdefault(path, {})[int(stage)] = _Version(mode, blob)
        at += 1
    messages = []
    at += 1
    while at < len(fields) and fields[at].isdigit():
        end = at + 1 + int(fields[at])
        messages.append(Message(fields[end], tuple(fields[at + 1 : end]), fields[end + 1].strip()))
        at = end + 2
    return tree, stages, messages


def _read_blobs(repository: Path, blobs: list[str]) -> dict[str, bytes]:
    wanted = sorted(set(blobs))
    output = run_git(["cat-file", "--batch"], repository, input="\n".join(wanted).encode() + b"\n")
    contents, at = {}, 0
    for blob in wanted:
        end = output.index(b"\n", at)
        size = int(output[at:end].split()[2])
        contents[blob] = output[end + 1 : end + 1 + size]
        at = end + 2 + size
    return contents


def _replace(repository: Path, tree: str, settled: dict[str, bytes]) -> str:
    """Return a tree with other contents for some paths; their modes stay."""
    with tempfile.TemporaryDirectory(prefix="guild-merge-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        run_git(["read-tree", tree], repository, extra_env=index)
        listed = run_git(["ls-files", "-s", "-z"], repository, extra_env=index)
        rows = []
        for row in listed.split(b"\0"):
            about, _, name = row.partition(b"\t")
            path = os.fsdecode(name)
            if path in settled:
                blob = run_git(
                    ["hash-object", "-w", "--stdin"], repository, input=settled[path]
                ).strip()
                rows.append(about.split()[0] + b" " + blob + b" 0\t" + name)
        run_git(
            ["update-index", "-z", "--index-info"],
            repository,
            input=b"\0".join(rows) + b"\0",
            extra_env=index,
        )
        return run_git(["write-tree"], repository, extra_env=index).decode().strip()
