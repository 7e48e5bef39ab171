"""Writing a configuration file whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from guild_plugins.errors import GuildError


class FileChanged(GuildError):
    """The file is no longer what it was when the change was planned."""

    slug = "file-changed"
    remedy = "Run the command again."

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path} was changed meanwhile; nothing was written."


class CannotWrite(GuildError):
    """The system does not let us write the file."""

    slug = "cannot-write"

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path} cannot be written: {self.reason}."


def replace_file(path: Path, before: bytes | None, after: bytes) -> None:
    """Replace a file that still has its old content; its mode is kept, a link followed.

    The new content is written beside it and renamed: readers see the old file
    or the new one.

    :param before: The content expected now; ``None`` for no file.
    :raises FileChanged: The file holds something else.
    :raises CannotWrite: The system refused.
    """
    target = path.resolve()
    try:
        now = target.read_bytes() if target.exists() else None
        if now != before:
            raise FileChanged(str(path))
        _replace(target, after)
    except OSError as error:
        raise CannotWrite(str(path), error.strerror or str(error)) from error


def _replace(target: Path, content: bytes) -> None:
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666 & ~_umask()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
