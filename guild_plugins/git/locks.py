"""Kernel locks, and the gate: one process at a time writes the shared state.

A kernel lock (``flock``), so that a dead process never holds it. SQLite's own
waiting polls, and starves writers; this queue costs nothing. It also keeps apart
what must not meet in SQLite before 3.51.3: a checkpoint and a commit.

Held for one transaction, never while waiting for anything. A blocking ``flock``
would have no timeout, and whoever stops while inside would stop everyone: so
this one asks again until a deadline, and then names who is inside.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from guild_plugins.errors import Exit, GuildError

PATIENCE: Final = 20.0
"""Seconds to wait for the gate; each stay is a matter of milliseconds."""

LONGEST_PAUSE: Final = 0.005


class StateUnsafe(GuildError):
    """Guild's folder is not one that state can be kept in."""

    slug = "state-unsafe"
    exit = Exit.UNSUPPORTED

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path} cannot hold Guild's state: {self.reason}."


class GateBusy(GuildError):
    """Another process is writing, and does not end."""

    slug = "gate-busy"
    exit = Exit.CONTENDED
    remedy = "Try again; if that process is stopped, let it go on or end it."

    def __init__(self, path: str, seconds: float, holders: tuple[int, ...]) -> None:
        super().__init__(path, seconds, holders)
        self.path, self.seconds, self.holders = path, seconds, holders

    def __str__(self) -> str:
        who = ", ".join(map(str, self.holders)) or "unknown"
        return f"{self.path} was locked for {self.seconds:g} s by another process (pid {who})."


class StateNotWritten(GuildError):
    """The system did not let us write: the disk is full, broken or read-only."""

    slug = "state-not-written"
    exit = Exit.RECOVERY
    remedy = "Nothing was changed. Make room or repair the disk, and run the command again."

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path} cannot be written: {self.reason}."


@contextmanager
def gate(path: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Be the only one inside.

    Not to be entered twice by one thread: a second file description waits for
    the first one.

    :raises GateBusy: Somebody else was inside for all of ``patience`` seconds.
    :raises StateUnsafe: The path is a link.
    """
    handle = open_lock_file(path)
    try:
        _enter(handle, path, patience)
        yield
    finally:
        os.close(handle)


def open_lock_file(path: Path) -> int:
    """Open a file for locking, made where there is none; links are refused.

    :raises StateUnsafe: The path is a link.
    :raises StateNotWritten: It cannot be made or opened.
    """
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if path.is_symlink():
            raise StateUnsafe(str(path), "it is a link") from None
        raise StateNotWritten(str(path), error.strerror or str(error)) from error


def try_lock(handle: int, *, shared: bool = False) -> bool:
    """Lock a file for this description of it, unless somebody else has it locked."""
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _enter(handle: int, path: Path, patience: float) -> None:
    deadline = time.monotonic() + patience
    pause = LONGEST_PAUSE / 32
    while not try_lock(handle):
        if time.monotonic() > deadline:
            raise GateBusy(str(path), patience, _who_locks(handle))
        time.sleep(pause * (0.5 + time.monotonic_ns() % 512 / 1024))  # spreads those that wait
        pause = min(pause * 2, LONGEST_PAUSE)


def _who_locks(handle: int) -> tuple[int, ...]:
    """Ask the system who has the file locked; nothing where it does not tell."""
    inode = f":{os.fstat(handle).st_ino}"
    try:
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return ()
    found = (line.split() for line in lines if "->" not in line)
    return tuple(int(words[4]) for words in found if len(words) > 5 and words[5].endswith(inode))
