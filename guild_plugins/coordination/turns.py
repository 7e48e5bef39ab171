"""Turns: one process at a time does what takes seconds, and the others wait for it.

filelock's lock, which is a kernel lock: a process that dies gives its turn to the
next. It is not inherited by children, so whoever starts a program in its turn that
must not be left running alone gives it an operation's kernel lock as well
(`liveness`), and who comes next looks at that. The gate of the journal is another
thing: it is passed in milliseconds, by every hook, and filelock's import takes longer
than all the rest of a hook.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from guild_plugins.coordination.errors import GateBusy, StateNotWritten, StateUnsafe

PATIENCE: Final = 300.0
"""Seconds to wait; each turn is a matter of a second, and many may be waiting."""

PAUSE: Final = 0.02


@contextmanager
def turn(path: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Be the only one whose turn it is.

    :raises GateBusy: It was somebody else's for all of ``patience`` seconds.
    :raises StateUnsafe: The path is a link.
    :raises StateNotWritten: The lock cannot be made.
    """
    if path.is_symlink():
        raise StateUnsafe(str(path), "it is a link")
    lock = FileLock(path, timeout=patience, poll_interval=PAUSE, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise GateBusy(str(path), patience, ()) from None
    except OSError as error:
        raise StateNotWritten(str(path), error.strerror or str(error)) from error
    try:
        yield
    finally:
        lock.release()
