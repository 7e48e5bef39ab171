"""Names of scope branches: ``guild/TASK/SCOPE``, at this depth and no other. Pure.

Git keeps branches as files, so a branch ``guild/a`` would be in the way of ``guild/a/b``.
"""

from __future__ import annotations

from typing import Final

PREFIX: Final = "refs/heads/guild/"


def branch_for(task: str, scope: str) -> str:
    """Return the full name of a scope's branch for a task."""
    return f"{PREFIX}{task}/{scope}"


def task_of_branch(branch: str | None) -> str | None:
    """Return the task that a branch is for; ``None`` for other branches."""
    parts = _parts(branch)
    return parts[0] if parts else None


def scope_of_branch(branch: str | None) -> str | None:
    """Return the scope that a branch is for; ``None`` for other branches."""
    parts = _parts(branch)
    return parts[1] if parts else None


def _parts(branch: str | None) -> tuple[str, str] | None:
    if branch is None or not branch.startswith(PREFIX):
        return None
    parts = branch.removeprefix(PREFIX).split("/")
    return (parts[0], parts[1]) if len(parts) == 2 and all(parts) else None
