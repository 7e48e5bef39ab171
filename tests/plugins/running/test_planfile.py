"""A plan as TOML: what is written is read, and what is wrong is named."""

from __future__ import annotations

import pytest

from guild_plugins.engine.pipeline.forecast import forecast
from guild_plugins.plugins.running.course import PlanUnusable, course
from guild_plugins.plugins.running.planfile import plan_from_toml, plan_to_toml
from guild_plugins.plugins.running.settings import Settings
from guild_plugins.stages.models import MasterPlan, PlanStep

ODD = 'say "x\\y"\nand """ more\x7f\té'


def written(*steps: PlanStep, task: str = "t") -> str:
    plan = MasterPlan(summary="s", steps=steps)
    units = course(plan, [step.scope for step in steps], Settings())
    return plan_to_toml(plan, task, forecast(units), 4)


@pytest.mark.parametrize("text", ["plain", ODD, "", "a\n", "\\n", '"', "\n  a\n\n b\r"])
def test_what_is_written_is_read(text: str) -> None:
    step = PlanStep(
        scope="core", instructions=text, exclusive=(text,), seconds=2.5, risk=0.25, width=2
    )
    other = PlanStep(scope="web", instructions="go", after=("core",), tests=0.0)

    found = plan_from_toml(written(step, other, task=text))

    assert found.task == text
    assert found.step == (step, other)


def test_the_head_says_what_the_run_hangs_on() -> None:
    slow = PlanStep(scope="core", instructions="go", seconds=100.0, tests=20.0)

    text = written(slow, PlanStep(scope="web", instructions="go", seconds=1.0, tests=0.0))

    assert "# The critical path: core (place, implement, check, test, commit)" in text
    assert "# At best 123 s with 2 workers; more than 2 would stand idle." in text


def test_notes_are_comments_that_cannot_become_more() -> None:
    step = PlanStep(scope="core", instructions="go", notes=("first\nscope = 'x'",))

    assert plan_from_toml(written(step)).step == (PlanStep(scope="core", instructions="go"),)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("task = ", "Invalid value"),
        ("task = 't'\n[[step]]\nscope = 'a'\n", "missing or unknown fields: instructions"),
        ("task = 't'\nstep = []\nstages = 3\n", "unknown fields: stages"),
        ("task = 't'\n[[step]]\nscope = 'a'\ninstructions = 'i'\nwidth = 9\n", "9 workers"),
        ("task = 3\nstep = []\n", "task is '3'"),
    ],
)
def test_what_is_wrong_with_a_plan_is_named(text: str, reason: str) -> None:
    with pytest.raises(PlanUnusable, match=reason):
        plan_from_toml(text)
