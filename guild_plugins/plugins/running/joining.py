"""Where a scope begins that others come before: a commit that has the work of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from guild_plugins.git.process import GitFailed, run_git
from guild_plugins.git.writing import write_commit


class CannotJoin(Exception):
    """What the scopes did before does not fit together."""


def join(top: Path, base: str, commits: Sequence[str]) -> str:
    """Return a commit with all of some commits, which all have the base in their past.

    Objects are written, and no reference is moved.

    :raises CannotJoin: Two of them changed the same lines.
    """
    joined = base
    for commit in commits:
        if _holds(top, joined, commit):
            continue
        if _holds(top, commit, joined):
            joined = commit
            continue
        joined = _merge(top, joined, commit)
    return joined


def _holds(top: Path, commit: str, other: str) -> bool:
    """Say whether a commit has another in its past, or is it."""
    try:
        run_git(["merge-base", "--is-ancestor", other, commit], top)
    except GitFailed as error:
        if error.code == 1:
            return False
        raise
    return True


def _merge(top: Path, first: str, second: str) -> str:
    output = run_git(
        ["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", first, second],
        top,
        accept=(0, 1),
    )
    tree, *paths = output.decode("utf-8", "surrogateescape").rstrip("\0").split("\0")
    if paths:
        raise CannotJoin(f"what comes before it does not fit together in {', '.join(paths[:5])}")
    return write_commit(top, tree, [first, second], b"Join what comes before\n")
