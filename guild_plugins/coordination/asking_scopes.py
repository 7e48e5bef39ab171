"""What people ask for, as claims: scopes. Apart from `asking`, since it needs the project."""

from __future__ import annotations

from guild_plugins.coordination.asking import ClaimUnclear
from guild_plugins.scopes.globs import parse_glob
from guild_plugins.scopes.model import ROOT, ScopeId
from guild_plugins.scopes.project import Project
from guild_plugins.stages.leases import Claim, Mode


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
