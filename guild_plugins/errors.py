"""The error tree: what may go wrong, the exit code it ends in, and what to do about it.

``GuildError`` means "tell the user"; any other exception is a bug and keeps its
traceback. Errors cross worker processes, so each can be rebuilt from ``args``.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class Exit(IntEnum):
    """What the exit codes of ``guild`` mean."""

    DONE = 0
    NO = 1
    USAGE = 2
    UNSUPPORTED = 3
    CONTENDED = 4
    RECOVERY = 5
    PLUGIN = 6
    BUG = 70
    INTERRUPTED = 130


class GuildError(Exception):
    """Something to tell the user: what happened, where, and the remedy."""

    slug: ClassVar[str] = "error"
    exit: ClassVar[Exit] = Exit.NO
    remedy: ClassVar[str | None] = None

    def explain(self) -> str:
        """Return the message with its slug, and the remedy where there is one."""
        text = f"{self} [{self.slug}]"
        return f"{text}\n  {self.remedy}" if self.remedy else text
