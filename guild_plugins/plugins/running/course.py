"""The way through a run. First what is read: research of all scopes, a plan of all of them.
Then, for each scope of the plan: a place, the work, the gates, the tests, a commit, landing.

Pure. A scope waits for another only where the plan says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from guild_plugins.errors import Exit, GuildError
from guild_plugins.plugins.running.settings import Settings
from guild_plugins.scopes.model import ScopeId
from guild_plugins.stages.models import MasterPlan, PlanStep
from guild_plugins.stages.runs import Unit


class Step(StrEnum):
    """What is done in each scope, in this order; joins are of all scopes."""

    RESEARCH = "research"
    PLAN = "plan"
    PLACE = "place"
    IMPLEMENT = "implement"
    CHECK = "check"
    TEST = "test"
    COMMIT = "commit"
    LAND = "land"


JOINS: Final = ("research", "plan")
"""The units of all scopes: the profile, and the plan."""

JOIN: Final = "join"
"""Their stage."""

READING: Final = 1.0
"""Seconds that reading one scope is taken to need."""


class PlanUnusable(GuildError):
    """A plan cannot be carried out; nothing was changed."""

    slug = "plan-unusable"
    exit = Exit.USAGE

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"The plan cannot be carried out: {self.reason}."


def id_of(scope: ScopeId, step: Step) -> str:
    """Return a unit's id."""
    return f"{scope}/{step}"


def of_id(id: str) -> tuple[ScopeId, str]:
    """Return a unit's scope, empty for a join, and its step."""
    scope, _, step = id.rpartition("/")
    return scope, step


def reading_course(scopes: Sequence[ScopeId], *, plans: bool = True) -> tuple[Unit, ...]:
    """Return the units that only read: research, and the plan."""
    profile, plan = JOINS
    research = [
        _unit(scope, Step.RESEARCH, tries=2, seconds=READING, repeatable=True) for scope in scopes
    ]
    units = [*research, _join(profile, behind=tuple(unit.id for unit in research))]
    if plans:
        planned = [
            _unit(scope, Step.PLAN, id_of(scope, Step.RESEARCH), profile, tries=2, seconds=0.1)
            for scope in scopes
        ]
        behind = tuple(unit.id for unit in planned)
        units += [*planned, _join(plan, after=(profile,), behind=behind)]
    return tuple(units)


def course(plan: MasterPlan, scopes: Iterable[ScopeId], settings: Settings) -> tuple[Unit, ...]:
    """Return the units that carry out a plan.

    :raises PlanUnusable: It names what is no scope, or goes round in a circle.
    """
    steps = _in_order(plan, frozenset(scopes))
    users: dict[str, ScopeId] = {}
    units: list[Unit] = []
    for step in steps:
        before = {users[name] for name in step.exclusive if name in users}
        users |= dict.fromkeys(step.exclusive, step.scope)
        units += _of_scope(step, sorted(before), settings)
    return tuple(units)


def _in_order(plan: MasterPlan, scopes: frozenset[ScopeId]) -> list[PlanStep]:
    """Return the steps, each after those that it waits for, else as the plan has them."""
    by_scope: dict[ScopeId, PlanStep] = {}
    for step in plan.steps:
        if step.scope not in scopes:
            raise PlanUnusable(f"there is no scope {step.scope!r}")
        if step.scope in by_scope:
            raise PlanUnusable(f"{step.scope!r} comes twice")
        by_scope[step.scope] = step
    for step in plan.steps:
        for other in step.after:
            if other not in by_scope:
                raise PlanUnusable(f"{step.scope!r} waits for {other!r}, which has no step")
    try:
        order = TopologicalSorter({step.scope: step.after for step in plan.steps})
        return [by_scope[scope] for scope in order.static_order()]
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise PlanUnusable(f"scopes wait for each other in a circle: {circle}") from None


def _of_scope(step: PlanStep, behind: Sequence[ScopeId], settings: Settings) -> Iterator[Unit]:
    scope = step.scope
    place, implement, check, test, commit = (
        id_of(scope, each)
        for each in (Step.PLACE, Step.IMPLEMENT, Step.CHECK, Step.TEST, Step.COMMIT)
    )
    after = tuple(id_of(other, Step.COMMIT) for other in step.after)
    ended = tuple(id_of(other, Step.COMMIT) for other in behind)
    has_tests = settings.tests != "none"
    yield _unit(scope, Step.PLACE, *after, cpu=0.3, lasting=True)
    yield _unit(
        scope, Step.IMPLEMENT, place, behind=ended, tries=settings.rounds, lasting=True,
        seconds=step.seconds if step.seconds is not None else 10.0, width=step.width,
    )  # fmt: skip
    yield _unit(scope, Step.CHECK, implement, sends_back=implement, common=True)
    if has_tests:
        seconds = step.tests if step.tests is not None else 10.0
        yield _unit(scope, Step.TEST, check, sends_back=implement, common=True, seconds=seconds)
    yield _unit(scope, Step.COMMIT, test if has_tests else check, cpu=0.3, lasting=True)
    if settings.lands:
        yield _unit(scope, Step.LAND, commit, lasting=True)


def _unit(scope: ScopeId, step: Step, *after: str, **more: Any) -> Unit:
    return Unit(id=id_of(scope, step), stage=step, scope=scope, after=after, **more)


def _join(id: str, after: tuple[str, ...] = (), behind: tuple[str, ...] = ()) -> Unit:
    return Unit(id=id, stage=JOIN, after=after, behind=behind, common=True, tries=2, seconds=0.5)
