"""Planning as Guild does it: each scope's own part, then the boundaries between them.

Scopes do not wait for each other, since each works on a branch of its own: with
``--in-order`` one waits for those that it imports, and begins with their work.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from guild_plugins.engine.pipeline.pool import scope_width
from guild_plugins.scopes.cycles import without_circles
from guild_plugins.scopes.model import ScopeId
from guild_plugins.stages.hookspecs import hookimpl
from guild_plugins.stages.models import (
    JoinRequest,
    MasterPlan,
    PlanStep,
    StageRequest,
    StageResult,
)

UNKNOWN: Final = 10.0
"""Seconds that implementing a scope is taken to need, where nobody knows better."""

PER_FILE: Final = 0.5
"""Seconds that a test file is taken to need that was never timed."""

START: Final = 1.5
"""Seconds that any test run takes to begin."""


@hookimpl
def guild_plan(request: StageRequest) -> StageResult:
    """Plan one scope: how long it takes, how risky it is, how many workers it deserves."""
    profile: Mapping[str, Any] = request.profile.data if request.profile is not None else {}
    found: Mapping[str, Any] = profile.get("scopes", {}).get(request.scope.id, {})
    everyone = profile.get("scopes", {}).values()
    complexities = sorted(_complexity(other) for other in everyone)
    typical = complexities[len(complexities) // 2] if complexities else 0
    tests = START + found.get("test_seconds", 0.0) + PER_FILE * found.get("untimed", 0)
    data = {
        "width": scope_width(_complexity(found), typical),
        "tests": round(tests, 1) if found.get("test_files") else 0.0,
        "risk": profile.get("risk", {}).get(request.scope.id, 0.0),
        "notes": list(_notes(found)),
    }
    return StageResult(summary=f"risk {data['risk']:.2f}", data=data)


@hookimpl
def guild_join_plan(request: JoinRequest) -> MasterPlan:
    """Order all scopes: what others import first, and of equals what is riskiest."""
    profile: Mapping[str, Any] = request.profile.data if request.profile is not None else {}
    planned = {scope: result.data for scope, result in request.results.items()}
    needs = _needs(request, profile, planned)
    is_in_order = request.options.get("in_order") == "yes"
    steps = [
        PlanStep(
            scope=scope,
            instructions=request.task,
            after=tuple(sorted(needs.get(scope, ()))) if is_in_order else (),
            width=int(planned[scope].get("width", 1)),  # type: ignore[call-overload]
            seconds=UNKNOWN,
            tests=_number(planned[scope].get("tests")),
            risk=_number(planned[scope].get("risk")) or 0.0,
            notes=tuple(map(str, planned[scope].get("notes", ()))),  # type: ignore[call-overload]
        )
        for scope in _in_order(planned, needs)
    ]
    return MasterPlan(summary=_summary(steps, profile), steps=tuple(steps))


def _needs(
    request: JoinRequest, profile: Mapping[str, Any], planned: Mapping[ScopeId, Any]
) -> dict[ScopeId, list[ScopeId]]:
    """Return what each scope needs, without the weakest edges of circles."""
    edges: list[tuple[int, ScopeId, ScopeId]] = []
    for scope in request.scopes:
        edges += ((1 << 30, scope.id, other) for other in scope.needs)
        imports = profile.get("scopes", {}).get(scope.id, {}).get("imports", {})
        edges += ((count, scope.id, other) for other, count in imports.items())
    edges.sort(key=lambda edge: (-edge[0], *edge[1:]))
    return without_circles((a, b) for _, a, b in edges if a in planned and b in planned)


def _in_order(
    planned: Mapping[ScopeId, Mapping[str, object]], needs: Mapping[ScopeId, list[ScopeId]]
) -> list[ScopeId]:
    """Return the scopes, each after those that it needs; of those that may come, the riskiest."""
    order: list[ScopeId] = []
    left = sorted(planned, key=lambda scope: (-(_number(planned[scope].get("risk")) or 0.0), scope))
    while left:
        there = set(order)
        following = next(scope for scope in left if there.issuperset(needs.get(scope, ())))
        order.append(following)
        left.remove(following)
    return order


def _notes(found: Mapping[str, Any]) -> list[str]:
    """Return what somebody who edits the plan should know."""
    notes = []
    if found.get("files"):
        size = f"{found['files']} files, {sum(found.get('lines', {}).values()):,} lines"
        notes.append(f"{size}, complexity {_complexity(found)}")
    if found.get("imported_by"):
        notes.append(f"imported by {len(found['imported_by'])} scopes")
    history = found.get("history", {})
    if history.get("commits"):
        notes.append(f"{history['commits']} of the last commits, {history['lines']:,} lines")
    if found.get("code") and not found.get("tests"):
        notes.append("it has no tests")
    if history.get("wants"):
        notes.append(f"its changes tend to touch {', '.join(sorted(history['wants'])[:3])}")
    return notes


def _complexity(found: Mapping[str, Any]) -> int:
    return int(found.get("complexity", {}).get("total", 0))


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def _summary(steps: list[PlanStep], profile: Mapping[str, Any]) -> str:
    wanted = profile.get("wanted", {})
    shared = f"; several scopes tend to change {', '.join(list(wanted)[:3])}" if wanted else ""
    return f"{len(steps)} scopes{shared}"
