"""What can go wrong with the state that processes share."""

from __future__ import annotations

from guild_plugins.errors import Exit, GuildError


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


class JournalDamaged(GuildError):
    """The journal's file is broken, or its lines were changed."""

    slug = "journal-damaged"
    exit = Exit.RECOVERY
    remedy = "guild doctor --fix keeps every event before the damage, and the broken file beside."

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path} is damaged: {self.reason}."


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


class JournalTooNew(GuildError):
    """A later Guild made the journal."""

    slug = "journal-too-new"
    exit = Exit.UNSUPPORTED
    remedy = "Use the newest Guild that works in this repository."

    def __init__(self, path: str, version: int) -> None:
        super().__init__(path, version)
        self.path, self.version = path, version

    def __str__(self) -> str:
        return f"{self.path} has version {self.version}, which this Guild does not know."
