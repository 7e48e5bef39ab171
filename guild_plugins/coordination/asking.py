"""What people ask for, as claims: paths as they type them."""

from __future__ import annotations

import os
from pathlib import Path

from guild_plugins.errors import Exit, GuildError
from guild_plugins.scopes.globs import escape, parse_glob
from guild_plugins.stages.leases import Claim, Mode


class ClaimUnclear(GuildError):
    """A path or scope cannot be claimed."""

    slug = "claim-unclear"
    exit = Exit.USAGE

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(what, reason)
        self.what, self.reason = what, reason

    def __str__(self) -> str:
        return f"{self.what!r} cannot be claimed: it {self.reason}."


def claim_on_path(top: Path, start: Path, text: str, mode: Mode) -> Claim:
    """Return the claim on a path, or on what a pattern names.

    What exists is taken for its own name, even if that looks like a pattern; a
    link to a folder for the folder.

    :param start: The directory that the path is relative to.
    :raises ClaimUnclear: It is no pattern, or lies outside.
    """
    typed = start / text
    is_there = os.path.lexists(typed)
    resolved = typed.resolve() if typed.is_dir() else typed.parent.resolve() / typed.name
    path = os.path.relpath(resolved, top.resolve()).replace(os.sep, "/")
    if path == ".." or path.startswith("../"):
        raise ClaimUnclear(text, "lies outside of the repository")
    pattern = exact_pattern(path) if is_there else path
    try:
        if parse_glob(pattern).negated:
            raise ClaimUnclear(text, "only takes something back")
    except ValueError as error:
        raise ClaimUnclear(text, str(error)) from None
    return Claim(mode, (pattern,))


def exact_pattern(path: str) -> str:
    """Return a pattern for a path that is there; for a few odd names, one that fits more.

    Patterns have no way to write a backslash, nor nothing but blanks.
    """
    pattern = escape(path).replace("\\", "?")
    return pattern if pattern.strip() else "?" * len(pattern)
