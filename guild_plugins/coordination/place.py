"""Guild's folder in the common git directory: shared by all worktrees, never committed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

from guild_plugins.coordination.errors import StateNotWritten, StateUnsafe

NETWORKED: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "fuse.sshfs"}
)
"""File systems whose locks may not reach the other host, or come late."""


class Place(NamedTuple):
    """Where the parts of the state are."""

    folder: Path

    @property
    def database(self) -> Path:
        """Events, and what follows from them."""
        return self.folder / "guild.db"

    @property
    def gate(self) -> Path:
        """The lock of whoever writes."""
        return self.folder / "gate"

    @property
    def holders(self) -> Path:
        """One file for each holder of leases, locked as long as the holder lives."""
        return self.folder / "holders"

    @property
    def work(self) -> Path:
        """Half-done work: what a dead process leaves here is nobody's."""
        return self.folder / "work"


def place_in(common_dir: Path) -> Place:
    """Return the place, without making it."""
    return Place(common_dir / "guild")


def prepare(place: Place) -> None:
    """Make the folders, and refuse those that state cannot be kept in.

    :raises StateUnsafe: A link is in the way, or the file system is a network's.
    :raises StateNotWritten: They cannot be made.
    """
    is_new = not place.database.exists()
    for folder in (place.folder, place.holders, place.work):
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise StateNotWritten(str(folder), error.strerror or str(error)) from error
        if folder.is_symlink():
            raise StateUnsafe(str(folder), "it is a link")
    if place.database.is_symlink():
        raise StateUnsafe(str(place.database), "it is a link")
    kind = _file_system(place.folder) if is_new else None
    if kind in NETWORKED:
        raise StateUnsafe(str(place.folder), f"it lies on a network file system ({kind})")


def _file_system(folder: Path) -> str | None:
    """Return the kind of file system that a folder lies on; ``None`` where nobody tells."""
    try:
        lines = Path("/proc/self/mounts").read_bytes().splitlines()
    except OSError:
        return None
    own = os.fsencode(folder.resolve())
    best = (b"", b"")
    for words in (line.split(b" ") for line in lines):
        mount = words[1].replace(rb"\040", b" ").rstrip(b"/")
        if (own == mount or own.startswith(mount + b"/")) and len(mount) >= len(best[0]):
            best = (mount, words[2])
    return os.fsdecode(best[1]) or None
