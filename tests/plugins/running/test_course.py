"""The way through a run: what follows what, and what a plan may not say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guild_plugins.engine.pipeline.graph import Graph
from guild_plugins.plugins.running.course import PlanUnusable, course, reading_course
from guild_plugins.plugins.running.settings import Settings
from guild_plugins.stages.models import MasterPlan, PlanStep
from guild_plugins.stages.runs import Unit

SCOPES = ("core", "web")


def plan(*steps: PlanStep) -> MasterPlan:
    return MasterPlan(summary="", steps=steps)


def step(scope: str, **more: object) -> PlanStep:
    return PlanStep(scope=scope, instructions="go", **more)  # type: ignore[arg-type]


def units(found: tuple[Unit, ...]) -> dict[str, Unit]:
    Graph().add(found)  # they can be done
    return {unit.id: unit for unit in found}


def test_every_plan_waits_for_the_profile_and_the_join_for_every_end_of_a_plan() -> None:
    found = units(reading_course(SCOPES))

    assert found["research"].behind == ("core/research", "web/research")
    assert found["web/plan"].after == ("web/research", "research")
    assert (found["plan"].after, found["plan"].behind) == (
        ("research",),
        ("core/plan", "web/plan"),
    )


def test_research_alone_plans_nothing() -> None:
    assert set(units(reading_course(SCOPES, plans=False))) == {
        "core/research",
        "web/research",
        "research",
    }


def test_scopes_wait_for_no_other_unless_the_plan_says_so() -> None:
    found = units(course(plan(step("core"), step("web")), SCOPES, Settings()))

    waits = {(unit.scope, found[other].scope) for unit in found.values() for other in unit.after}
    assert len(found) == 10
    assert waits == {("core", "core"), ("web", "web")}
    assert not any(unit.behind for unit in found.values())


def test_a_scope_begins_when_what_comes_before_it_is_committed() -> None:
    found = units(course(plan(step("web", after=("core",)), step("core")), SCOPES, Settings()))

    assert found["web/place"].after == ("core/commit",)
    assert next(iter(found)) == "core/place"


def test_what_two_scopes_must_not_share_is_used_by_one_after_the_other() -> None:
    both = plan(step("web", exclusive=("db",)), step("core", exclusive=("db", "port")))

    found = units(course(both, SCOPES, Settings()))

    assert found["core/implement"].behind == ("web/commit",)
    assert found["web/implement"].behind == ()


def test_what_is_exclusive_follows_the_order_of_what_waits() -> None:
    both = plan(step("web", exclusive=("db",), after=("core",)), step("core", exclusive=("db",)))

    found = units(course(both, SCOPES, Settings()))

    assert found["web/implement"].behind == ("core/commit",)
    assert found["core/implement"].behind == ()


def test_tests_and_landing_are_there_where_they_are_asked_for() -> None:
    one = plan(step("core"))
    asked = {
        name: [id.split("/")[1] for id in units(course(one, SCOPES, settings))]
        for name, settings in {
            "bare": Settings(tests="none"),
            "all": Settings(lands=True),
        }.items()
    }

    assert asked == {
        "bare": ["place", "implement", "check", "commit"],
        "all": ["place", "implement", "check", "test", "commit", "land"],
    }


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ((step("nobody"),), "there is no scope 'nobody'"),
        ((step("core"), step("core")), "'core' comes twice"),
        ((step("core", after=("web",)),), "waits for 'web', which has no step"),
        ((step("core", after=("web",)), step("web", after=("core",))), "in a circle"),
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_refused(
    steps: tuple[PlanStep, ...], reason: str
) -> None:
    with pytest.raises(PlanUnusable, match=reason):
        course(plan(*steps), SCOPES, Settings())


@pytest.mark.parametrize("wrong", [{"width": 4}, {"seconds": -1.0}, {"risk": float("nan")}])
def test_a_step_has_numbers_that_can_be_meant(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="core"):
        replace(step("core"), **wrong)  # type: ignore[arg-type]
