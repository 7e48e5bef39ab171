"""Editing a repository's configuration so that a kill leaves no lock that nobody knows.

Git edits a copy in a folder of ours. The copy then becomes ``config.lock`` by a link and
``config`` by a rename: if this process dies between both, the next one knows the lock
by its inode, and removes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.lockfile import bytes_of, is_left_lock, take_place
from guild_plugins.git.process import run_git


class ConfigLocked(GuildError):
    """Another git process edits the configuration, or one that died has left its lock."""

    slug = "config-locked"
    exit = Exit.CONTENDED
    remedy = "Wait for the other git process; if there is none, remove the file."

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path} is there: another git process edits the configuration."


def edit_config(config: Path, folder: Path, edits: Sequence[Sequence[str]]) -> None:
    """Carry out ``git config`` with each of the argument lists, all of them or none.

    :param folder: Where the copy may lie; on the same file system.
    :raises ConfigLocked: Somebody else is at it.
    """
    before = bytes_of(config)
    draft = clear_left(config, folder)
    draft.write_bytes(before or b"")
    for arguments in edits:
        run_git(["config", "--file", str(draft), *arguments], folder)
    _put(config, draft, before)


def set_config(config: Path, folder: Path, content: bytes, expected: bytes) -> None:
    """Replace the configuration, if it is still what is expected.

    :raises ConfigLocked: Somebody else is at it, or was.
    """
    draft = clear_left(config, folder)
    draft.write_bytes(content)
    _put(config, draft, expected)


def clear_left(config: Path, folder: Path) -> Path:
    """Remove what a process that died left of an edit; return where the copy lies."""
    draft, lock = folder / "config.draft", config.with_name("config.lock")
    if draft.exists() and is_left_lock(lock, draft):
        lock.unlink()
    for left in (draft, folder / "config.draft.lock"):
        left.unlink(missing_ok=True)
    return draft


def _put(config: Path, draft: Path, expected: bytes | None) -> None:
    with suppress(FileNotFoundError):
        draft.chmod(config.stat().st_mode & 0o777)
    try:
        blocked = take_place(draft, config, expected)
    finally:
        draft.unlink(missing_ok=True)
    if blocked is not None:
        raise ConfigLocked(str(blocked))
