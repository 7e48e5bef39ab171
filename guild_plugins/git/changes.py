"""What differs between two trees of a repository, path by path.

A rename is a deletion and an addition: rules speak of paths, and both count.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from guild_plugins.git.process import GitFailed, run_git, split_names
from guild_plugins.git.repository import Repository
from guild_plugins.git.trees import Entry

_EMPTY_TREE = {
    "sha1": "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "sha256": "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}


class Change(NamedTuple):
    """One path that differs: what it was, and what it is; ``None`` where it is not."""

    path: str
    before: Entry | None
    after: Entry | None


def compare(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> tuple[Change, ...]:
    """Return what differs between two listings, sorted by path."""
    if before is after:
        return ()
    gone = before.keys() - after.keys()
    kept = {path for path, entry in after.items() if before.get(path) != entry}
    return tuple(Change(p, before.get(p), after.get(p)) for p in sorted(gone | kept))


def staged_changes(
    repository: Repository, index_file: str | None = None, base: str = "HEAD"
) -> tuple[Change, ...]:
    """Return what the index changes on ``HEAD``, which may not exist yet.

    :param index_file: Another index than the work tree's own.
    :param base: Another commit than ``HEAD``.
    """
    extra = {"GIT_INDEX_FILE": index_file} if index_file else {}
    command = ["diff-index", "--cached", "--raw", "-z", "--no-renames", "--no-abbrev"]
    try:
        output = run_git([*command, base, "--"], repository.top, extra_env=extra)
    except GitFailed:
        if _has_head(repository):
            raise
        empty = _EMPTY_TREE[object_format(repository)]
        output = run_git([*command, empty, "--"], repository.top, extra_env=extra)
    return _parse(output)


def tree_changes(repository: Repository, before: str, after: str) -> tuple[Change, ...]:
    """Return what differs between two trees, given by id."""
    command = ["diff-tree", "-r", "--raw", "-z", "--no-renames", "--no-abbrev"]
    return _parse(run_git([*command, before, after, "--"], repository.top))


def worktree_changes(repository: Repository) -> tuple[Change, ...]:
    """Return what lies otherwise than the index says, by time, size and mode.

    The ids of what lies there are not known yet. Submodules are not looked into.
    """
    command = ["diff-files", "--raw", "-z", "--no-renames", "--no-abbrev"]
    command += ["--ignore-submodules=all"]
    return _parse(run_git(command, repository.top, extra_env=without_filters(repository)))


def without_filters(repository: Repository) -> dict[str, str]:
    """Return variables that keep git from running the filters that are configured.

    Where times cannot tell whether a file has changed, git compares its content
    as it would be added, through filters; and their commands are the repository's.
    """
    try:
        output = run_git(
            ["config", "-z", "--name-only", "--get-regexp", "^filter[.]"], repository.top
        )
    except GitFailed:  # there are none
        return {}
    names = sorted({name.rpartition(".")[0] for name in split_names(output)})
    keys = [f"{name}.{key}" for name in names for key in ("clean", "process", "required")]
    variables = {"GIT_CONFIG_COUNT": str(len(keys))}
    for number, key in enumerate(keys):
        variables[f"GIT_CONFIG_KEY_{number}"] = key
        variables[f"GIT_CONFIG_VALUE_{number}"] = "false" if key.endswith(".required") else ""
    return variables


def object_format(repository: Repository) -> str:
    """Return how the repository names its objects: ``sha1`` or ``sha256``."""
    output = run_git(["rev-parse", "--show-object-format"], repository.top)
    return output.strip().decode()


def _has_head(repository: Repository) -> bool:
    try:
        run_git(["rev-parse", "--verify", "--quiet", "HEAD"], repository.top)
    except GitFailed:
        return False
    return True


def _parse(output: bytes) -> tuple[Change, ...]:
    """Read ``:mode mode oid oid letter`` and a path, each ended by NUL."""
    parts = output.split(b"\0")
    changes = []
    for head, path in zip(parts[0::2], parts[1::2], strict=False):
        before_mode, after_mode, before, after, letter = head[1:].split(b" ")
        if letter == b"U":  # unmerged: told once more, with what it is
            continue
        changes.append(
            Change(os.fsdecode(path), _entry(before_mode, before), _entry(after_mode, after))
        )
    return tuple(changes)


def _entry(mode: bytes, oid: bytes) -> Entry | None:
    return Entry(int(mode, 8), oid.decode()) if mode.strip(b"0") else None
