"""Paths for commands, briefs, and what a run remembers of its facts."""

from __future__ import annotations

import json

import pytest

from guild_plugins.graph.boundaries.violations import Violation
from guild_plugins.plugins.running.briefs import MOST, brief_for
from guild_plugins.plugins.running.memory import Memory, Place
from guild_plugins.plugins.running.settings import Settings
from guild_plugins.plugins.running.territory import territories
from guild_plugins.scopes.model import Scope
from guild_plugins.stages.codec import encode
from guild_plugins.stages.models import Outcome, PlanStep, Stage, StageResult
from guild_plugins.stages.results import result_from_text, result_to_text
from guild_plugins.stages.runs import Limits, RunEvent, RunStarted, UnitFailed, UnitFinished


def test_a_scope_has_whole_folders_where_they_are_its_own_and_files_elsewhere() -> None:
    paths = ["top.py", "p/a.py", "p/sub/b.py", "p/sub/deep/c.py", "p/web/d.py", "p/web/x/e.py"]

    found = territories(paths, lambda path: "web" if path.startswith("p/web") else "core")

    assert found == {"core": ("p/a.py", "p/sub", "top.py"), "web": ("p/web",)}


def test_a_brief_says_what_to_do_where_and_what_was_wrong() -> None:
    scope = Scope("web", ("web",), depends_on=("core",), forbids=("db",))
    step = PlanStep(
        scope="web", instructions="Use the new API.", after=("core",), notes=("it has no tests",)
    )

    text = brief_for("Follow", scope, ["web"], step, "web/a.py:1: no [depends-on]")

    for line in (
        "# Follow",
        "Use the new API.",
        "- web",
        "- It may import core.",
        "- It must not reach db.",
        "- The work of core is in this tree already.",
        "- it has no tests",
        "web/a.py:1: no [depends-on]",
    ):
        assert line in text.splitlines()


def test_a_brief_does_not_list_thousands_of_paths() -> None:
    paths = [f"f{number}.py" for number in range(MOST + 7)]

    text = brief_for("t", Scope("a", ("a",)), paths, PlanStep(scope="a", instructions="t"))

    assert "and 7 more" in text


VIOLATION = Violation("r", "\udcff.py", 3, "no", chain=(), owners=("@a",))


@pytest.mark.parametrize("outcome", Outcome)
def test_a_result_is_kept_as_text(outcome: Outcome) -> None:
    result = StageResult(
        summary="s",
        outcome=outcome,
        changed=("a b\n.py", "\udcff.py"),
        violations=(VIOLATION,),
        data={"a": [1, {"b": None}]},
    )

    assert result_from_text(result_to_text(result)) == result


def memory(*events: RunEvent) -> Memory:
    found = Memory()
    found.note(
        RunStarted(
            id="0",
            at=0.0,
            run="r",
            task="t",
            name="n",
            base="b",
            command=(),
            limits=Limits(least=1, most=1, cores=1.0),
            units=(),
            settings=encode(Settings(tests="none")),
        )
    )
    for event in events:
        found.note(event)
    return found


def finished(unit: str, **result: object) -> UnitFinished:
    return UnitFinished(id=unit, at=1.0, run="r", unit=unit, attempt=1, result=json.dumps(result))


def failed(unit: str, reason: str, **result: object) -> UnitFailed:
    return UnitFailed(
        id=unit,
        at=1.0,
        run="r",
        unit=unit,
        attempt=1,
        kind="objected",
        reason=reason,
        chance=0.0,
        result=json.dumps(result),
    )


def test_all_that_is_known_of_a_run_comes_from_its_facts() -> None:
    research = UnitFinished(
        id="1",
        at=1.0,
        run="r",
        unit="web/research",
        attempt=1,
        result=result_to_text(StageResult(summary="small")),
    )
    found = memory(
        research,
        finished("web/place", path="/w", base="c0"),
        finished("web/check", changed=2, findings=[], faults=[]),
        finished("web/commit", commit="c1", is_new=True),
        finished("core/commit", commit="c0", is_new=False),
    )

    assert found.settings == Settings(tests="none")
    assert found.results["web"][Stage.RESEARCH].summary == "small"
    assert found.places == {"web": Place("/w", "c0")}
    assert found.changes_anything("web")
    assert not found.changes_anything("core")
    assert found.commits == {"web": "c1", "core": "c0"}
    assert found.new == {"web"}
    assert found.step("web") == PlanStep(scope="web", instructions="t")


def test_work_that_was_judged_is_gone_on_with_and_work_that_broke_is_not() -> None:
    judged = memory(failed("web/check", "no", findings=[VIOLATION._asdict()]))
    broke = memory(failed("web/check", "no"), failed("web/implement", "exit code 1"))

    assert judged.goes_on_from_there("web")
    assert judged.objections["web"] == (VIOLATION,)
    assert not broke.goes_on_from_there("web")
    assert broke.objections["web"] == (Violation("implement", ".", 0, "exit code 1"),)
    assert broke.findings["web"] == "exit code 1"
