"""What the hooks do with a commit's message: on a scope's branch, it names scope and task."""

from __future__ import annotations

from pathlib import Path

from guild_plugins.delivery.names import scope_of_branch, task_of_branch
from guild_plugins.git.refs import read_head
from guild_plugins.git.repository import Repository
from guild_plugins.git.writing import with_trailers


def add_trailers(repository: Repository, file: Path) -> None:
    """Add ``Scope:`` and ``Task:`` to a message, each once; elsewhere, change nothing.

    An empty message stays empty: git takes it for a commit that was given up.
    """
    branch = read_head(repository.top).branch
    scope, task = scope_of_branch(branch), task_of_branch(branch)
    if scope is None or task is None:
        return
    text = file.read_bytes()
    if _is_empty(text):
        return
    file.write_bytes(with_trailers(repository.top, text, [("Scope", scope), ("Task", task)]))


def _is_empty(text: bytes) -> bool:
    return all(line.startswith(b"#") or not line.strip() for line in text.splitlines())
