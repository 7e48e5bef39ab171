"""Research as Guild does it: what the files, the imports and the history say of a scope."""

from __future__ import annotations

from collections import Counter

from guild_plugins.plugins.research.ground import Ground, ground_of
from guild_plugins.plugins.research.history import past_of
from guild_plugins.plugins.research.profile import profile_of
from guild_plugins.plugins.research.reading import read_files
from guild_plugins.scopes.kinds import is_test_file
from guild_plugins.scopes.model import ScopeId
from guild_plugins.stages.hookspecs import hookimpl
from guild_plugins.stages.models import JoinRequest, Profile, StageRequest, StageResult


@hookimpl
def guild_research(request: StageRequest) -> StageResult | None:
    """Read the scope as the run's base has it; without git there is no tree to read."""
    if request.base is None:
        return None
    ground, scope = ground_of(request.directory, request.base), request.scope
    paths = ground.files.get(scope.id, ())
    entries = ground.tree.entries
    by_oid: dict[str, list[str]] = {}
    for path in paths:
        by_oid.setdefault(entries[path].oid, []).append(path)
    reading = read_files(
        (path, content) for oid, content in ground.tree.read(by_oid) for path in by_oid[oid]
    )
    tests = [path for path in paths if is_test_file(path.rpartition("/")[2])]
    data = {
        **reading.as_data(),
        "owners": list(scope.owners),
        "imports": _neighbours(ground, scope.id, 0, 1),
        "imported_by": _neighbours(ground, scope.id, 1, 0),
        "packages": dict(ground.packages.get(scope.id, Counter()).most_common(10)),  # type: ignore[attr-defined]
        "test_files": len(tests),
        "test_seconds": round(sum(ground.seconds.get(path, 0.0) for path in tests), 3),
        "untimed": sum(path not in ground.seconds for path in tests),
        "history": past_of(scope.id, ground.history, ground.book.owner_of),
    }
    lines = sum(reading.lines.values())
    return StageResult(summary=f"{reading.files} files, {lines:,} lines", data=data)


@hookimpl
def guild_join_research(request: JoinRequest) -> Profile:
    """Join what all scopes gave; what is there twice is told once."""
    profile = profile_of(
        {s.id: request.results[s.id].data for s in request.scopes if s.id in request.results}
    )
    missing = len(request.scopes) - len(request.results)
    left = f"; {missing} scopes are missing" if missing else ""
    return Profile(summary=f"{len(request.results)} scopes{left}", data=profile)


def _neighbours(ground: Ground, scope: ScopeId, own: int, other: int) -> dict[ScopeId, int]:
    return {
        pair[other]: count for pair, count in sorted(ground.imports.items()) if pair[own] == scope
    }
