"""What can go wrong with the state that processes share."""

from __future__ import annotations

from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.locks import GateBusy, StateNotWritten, StateUnsafe

__all__ = ["GateBusy", "JournalDamaged", "JournalTooNew", "StateNotWritten", "StateUnsafe"]


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
