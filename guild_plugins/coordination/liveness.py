"""Proof that a holder lives: a kernel lock that it and its children keep open.

The lock belongs to the open file, not to the process, so whoever inherits the file
holds it as well, and it is gone the moment the last of them is. Nothing has to be
cleaned up for that, and no clock is asked.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from guild_plugins.coordination import here
from guild_plugins.coordination.place import Place
from guild_plugins.git.locks import open_lock_file, try_lock
from guild_plugins.stages.leases import Holder


class Pulse:
    """The kernel lock of one holder, from now until all who have it open are gone.

    To be made in the gate: `sweep` takes a file without a lock for a dead holder's.
    """

    def __init__(self, place: Place, holder: str) -> None:
        self.path = _path(place, holder)
        self.handle = open_lock_file(self.path)
        try_lock(self.handle)  # nobody else knows the name yet

    def stop(self) -> bool:
        """Let go, and say whether a child holds on."""
        os.close(self.handle)
        return is_locked(self.path)


def proof_of_death(place: Place, holder: Holder) -> str | None:
    """Say how it is known that a holder is gone; ``None`` where it lives or may live."""
    match holder.proof:
        case "kernel":
            return None if is_locked(_path(place, holder.id)) else "its kernel lock is free"
        case "process" if holder.host == here.host():
            if holder.boot != here.boot_id():
                return "its host was started again"
            if here.start_time(holder.pid) != holder.started:
                return f"process {holder.pid} has ended"
    return None


def is_locked(path: Path) -> bool:
    """Say whether somebody has a file locked; a file that is not there is not."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two who ask at once do not take each other for the holder.
        return not try_lock(handle, shared=True)
    finally:
        os.close(handle)


def bury(place: Place, holder: str) -> None:
    """Remove the file of a holder that is gone; that it is gone already is no error."""
    with suppress(FileNotFoundError):
        _path(place, holder).unlink()


def abandoned(place: Place) -> list[Path]:
    """Return the files that nobody has locked. To be asked in the gate."""
    files = list(place.holders.iterdir()) if place.holders.is_dir() else []
    return sorted(path for path in files if not is_locked(path))


def _path(place: Place, holder: str) -> Path:
    """Return a holder's file; a holder of another clone has the whole path as its id."""
    return place.holders / holder
