"""Scope branches that a hook makes before a commit, where the project wants that.

Only the reference is made, where the work began. What is checked out stays: a hook is
run in the middle of git's own work, which has read ``HEAD`` already and promises
nothing of one that is moved meanwhile. So the commit is refused, with the one command
that goes to the branch; it takes index and files along as they are.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from guild_plugins.delivery.names import branch_for
from guild_plugins.git.process import GitFailed
from guild_plugins.git.refs import Head, RefMoved, move_ref, read_ref
from guild_plugins.git.repository import Repository
from guild_plugins.git.worktrees import checked_out
from guild_plugins.scopes.model import ScopeId
from guild_plugins.scopes.naming import name_for, problem_with

HEADS = "refs/heads/"


def make_branch(repository: Repository, head: Head, scopes: Collection[ScopeId]) -> str | None:
    """Make the branch that a commit belongs on, and say so; ``None`` where none can be.

    Its task is ``GUILD_TASK``, else what is checked out. Made is only one that is not there.

    :param scopes: Those that own what is staged.
    """
    if head.branch is None or head.commit is None or not scopes:
        return None
    name = head.branch.removeprefix(HEADS)
    if len(scopes) > 1:
        several = ", ".join(sorted(scopes))
        return f"{name} is no scope's branch, and what is staged is of several scopes: {several}"
    (scope,) = scopes
    branch = branch_for(_task(name), scope)
    elsewhere = checked_out(repository.common_dir).get(branch)
    short = branch.removeprefix(HEADS)
    if elsewhere is not None:
        return f"{name} is no scope's branch, and {short} is checked out in {elsewhere}"
    word = "is there" if read_ref(repository.top, branch) else _make(repository.top, branch, head)
    if word is None:
        return None
    return f"{name} is no scope's branch; {short} {word}: git switch {short}, and commit again"


def interrupted_branch(git_dir: Path) -> str | None:
    """Return the branch that is being rebased, while git has none checked out."""
    for folder in ("rebase-merge", "rebase-apply"):
        try:
            name = (git_dir / folder / "head-name").read_bytes()
        except OSError:
            continue
        return os.fsdecode(name).strip()
    return None


def _task(name: str) -> str:
    asked = os.environ.get("GUILD_TASK", "")
    if asked and problem_with(asked) is None:
        return asked
    return name if problem_with(name) is None else name_for(name, ())


def _make(top: Path, branch: str, head: Head) -> str | None:
    try:
        move_ref(top, branch, new=head.commit or "", old=None, message="guild hook: branch")
    except RefMoved:
        return "is there"  # somebody was quicker
    except GitFailed:
        return None  # such as a branch called guild, which leaves no room
    return "is made for it"
