"""References that keep what a landing has written from git's garbage collection."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from guild_plugins.errors import GuildError
from guild_plugins.git.refs import branches_below, delete_ref, move_ref, read_ref

PINS: Final = "refs/guild/land/"


def pin(top: Path, operation: str, commit: str, inherit: Sequence[int]) -> None:
    """Keep a commit and all that it stands on for as long as an operation needs it."""
    name = f"{PINS}{operation}"
    old = read_ref(top, name)
    if old != commit:
        move_ref(top, name, new=commit, old=old, message="guild land", inherit=inherit)


def unpin(top: Path, operation: str) -> None:
    """Let go of what an operation kept; once more is no error."""
    name = f"{PINS}{operation}"
    old = read_ref(top, name)
    if old is not None:
        with suppress(GuildError):  # whoever comes next does it
            delete_ref(top, name, old=old, message="guild land")


def pinned(top: Path) -> dict[str, str]:
    """Return the operations that have something pinned, with their references."""
    return {name.removeprefix(PINS): name for name in branches_below(top, PINS)}
