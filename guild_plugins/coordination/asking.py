"""What people ask for, as claims: paths as they type them, and scopes."""

from __future__ import annotations

import os
from pathlib import Path

from guild_plugins.errors import Exit, GuildError
from guild_plugins.scopes.globs import escape, parse_glob
from guild_plugins.scopes.model import ROOT, ScopeId
from guild_plugins.scopes.project import Project
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
    pattern = escape(path) if is_there else path
    try:
        if parse_glob(pattern).negated:
            raise ClaimUnclear(text, "only takes something back")
    except ValueError as error:
        raise ClaimUnclear(text, str(error)) from None
    return Claim(mode, (pattern,))


def claim_on_scope(project: Project, scope: ScopeId, mode: Mode) -> Claim:
    """Return the claim on all that a scope owns, now or later.

    :raises ClaimUnclear: There is no such scope.
    """
    if scope != ROOT and all(one.id != scope for one in project.scopes):
        raise ClaimUnclear(scope, "is no scope of this project")
    own = tuple(p for p in _patterns(project, scope) if not p.startswith("!"))
    others = (p for one in project.scopes if one.id != scope for p in _patterns(project, one.id))
    places = {glob.literal for glob in map(parse_glob, others) if not glob.negated}
    spared = tuple(sorted(place for place in places if place))
    return Claim(mode, own, scope, spared)


def _patterns(project: Project, scope: ScopeId) -> tuple[str, ...]:
    if scope == ROOT:
        return (".",)
    found = project.scope(scope)
    return (*found.paths, *found.tests)
