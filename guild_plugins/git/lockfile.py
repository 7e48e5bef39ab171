"""Files of git's that are replaced under git's own lock, ``NAME.lock``.

The lock is taken as git takes it, but by linking a file that is complete: if this
process dies meanwhile, `is_left_lock` can tell whose lock it was.
"""

from __future__ import annotations

import os
from pathlib import Path


def take_place(draft: Path, own: Path, expected: bytes | None) -> Path | None:
    """Put a draft in the place of a file, if that is still what it was.

    :param expected: The bytes of the file that the draft was made from.
    :return: What is in the way; ``None`` when it is done.
    """
    lock = own.with_name(f"{own.name}.lock")
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    try:
        os.link(draft, lock)
    except FileExistsError:
        return lock
    try:
        if bytes_of(own) != expected:
            lock.unlink()
            return own
        lock.replace(own)
    except BaseException:
        lock.unlink(missing_ok=True)
        raise
    return None


def is_left_lock(lock: Path, made_from: Path) -> bool:
    """Say whether an ``index.lock`` is what `install_index` made of that file."""
    try:
        return os.path.samestat(lock.lstat(), made_from.lstat())
    except FileNotFoundError:
        return False


def bytes_of(path: Path) -> bytes | None:
    """Return a file's content; ``None`` where there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
