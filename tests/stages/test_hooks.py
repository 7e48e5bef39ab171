"""Each hook, called as the engine calls it: what a plugin gets, and what its answer means.

One test for each, called ``test_<hook>...``; `test_contract` sees to it.
"""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from guild_plugins.graph.boundaries.violations import Violation
from guild_plugins.scopes.discovery import Discovered
from guild_plugins.scopes.tree import DiskTree
from guild_plugins.stages import hookspecs
from guild_plugins.stages.events import Event, OperationAbandoned
from guild_plugins.stages.executors import Executor, ExecutorRequest, WorkOrder
from guild_plugins.stages.hookspecs import hookimpl
from guild_plugins.stages.models import (
    BarrierRequest,
    Estimate,
    EstimateRequest,
    GateRequest,
    JoinRequest,
    MasterPlan,
    MergeRequest,
    Outcome,
    PlanStep,
    Profile,
    Stage,
    StageRequest,
    StageResult,
    Undecided,
)
from tests.stages.requests import CORE, WEB, Plugin, change, plugins, results, unit


def test_guild_discover_scopes_answers_with_scopes_and_barriers(tmp_path: Path) -> None:
    found = Discovered((CORE, WEB), ("uv.lock",))

    @hookimpl
    def guild_discover_scopes(tree: DiskTree) -> Discovered | None:
        return found if "uv.lock" in tree.files else None

    calls = plugins(finder=Plugin(guild_discover_scopes=guild_discover_scopes)).within(None)

    hit = calls.first(hookspecs.guild_discover_scopes, tree=DiskTree(tmp_path, ["uv.lock"]))
    miss = calls.first(hookspecs.guild_discover_scopes, tree=DiskTree(tmp_path, []))

    assert hit is not None
    assert hit.value == found
    assert miss is None


def stage_test(name: str, stage: Stage) -> None:
    """Two plugins share a stage: who says ``None`` leaves it to the next."""

    def answer(request: StageRequest) -> StageResult | None:
        if request.scope.id != "core":
            return None
        return StageResult(summary=f"{request.stage} done", data={"attempt": request.attempt})

    def decline(request: StageRequest) -> None:
        return None

    answer.__name__ = decline.__name__ = name
    both = plugins(
        works=Plugin(**{name: hookimpl(answer)}), declines=Plugin(**{name: hookimpl(decline)})
    )

    found = both.within(None).first(getattr(hookspecs, name), request=unit(stage))

    assert found is not None
    assert found.plugin.name == "works"
    assert found.value == StageResult(summary=f"{stage} done", data={"attempt": 1})
    assert found.value.outcome is Outcome.PASSED


def test_guild_research_goes_to_the_first_plugin_that_answers() -> None:
    stage_test("guild_research", Stage.RESEARCH)


def test_guild_plan_goes_to_the_first_plugin_that_answers() -> None:
    stage_test("guild_plan", Stage.PLAN)


def test_guild_implement_goes_to_the_first_plugin_that_answers() -> None:
    stage_test("guild_implement", Stage.IMPLEMENT)


def test_guild_test_goes_to_the_first_plugin_that_answers() -> None:
    stage_test("guild_test", Stage.TEST)


def test_guild_land_goes_to_the_first_plugin_that_answers() -> None:
    stage_test("guild_land", Stage.LAND)


def test_guild_join_research_makes_one_profile() -> None:
    @hookimpl
    def guild_join_research(request: JoinRequest) -> Profile:
        return Profile(summary="all", data={k: v.summary for k, v in request.results.items()})

    calls = plugins(joins=Plugin(guild_join_research=guild_join_research)).within(None)

    found = calls.first(hookspecs.guild_join_research, request=results())

    assert found is not None
    assert found.value.data == {"core": "small", "web": "large"}


def test_guild_join_plan_orders_the_scopes() -> None:
    @hookimpl
    def guild_join_plan(request: JoinRequest) -> MasterPlan:
        steps = (PlanStep(scope=s.id, instructions="go", after=s.needs) for s in request.scopes)
        return MasterPlan(summary="in order", steps=tuple(steps))

    calls = plugins(joins=Plugin(guild_join_plan=guild_join_plan)).within(None)

    found = calls.first(hookspecs.guild_join_plan, request=results())

    assert found is not None
    assert [(step.scope, step.after) for step in found.value.steps] == [
        ("core", ()),
        ("web", ("core",)),
    ]


def test_guild_check_asks_every_gate() -> None:
    @hookimpl
    def strict(request: GateRequest) -> list[Violation]:
        return [Violation("no-tabs", path, 1, "has tabs") for path in request.changed]

    @hookimpl
    def content() -> tuple[Violation, ...]:
        return ()

    @hookimpl
    def not_mine() -> None:
        return None

    gates = plugins(
        a=Plugin(guild_check=not_mine), b=Plugin(guild_check=content), c=Plugin(guild_check=strict)
    )

    found = gates.within(None).each(hookspecs.guild_check, request=change("/x", "a.py"))

    assert {answer.plugin.name: len(answer.value) for answer in found} == {"b": 0, "c": 1}


def test_guild_merge_file_is_merged_left_or_undecided() -> None:
    @hookimpl
    def guild_merge_file(request: MergeRequest) -> bytes | Undecided | None:
        if not request.path.endswith(".log"):
            return None
        if request.base is None:
            return Undecided(reason="no common past")
        return request.ours + request.theirs.removeprefix(request.base)

    calls = plugins(logs=Plugin(guild_merge_file=guild_merge_file)).within(None)

    def merged(path: str, base: bytes | None) -> Any:
        request = MergeRequest(path=path, scope="core", base=base, ours=b"1\n2\n", theirs=b"1\n3\n")
        answer = calls.first(hookspecs.guild_merge_file, request=request)
        return answer and answer.value

    assert merged("a.log", b"1\n") == b"1\n2\n3\n"
    assert merged("a.log", None) == Undecided(reason="no common past")
    assert merged("a.py", b"1\n") is None


def test_guild_resolve_barrier_sees_what_each_scope_wants() -> None:
    @hookimpl
    def guild_resolve_barrier(request: BarrierRequest) -> bytes:
        wanted = {line for text in request.wanted.values() for line in (text or b"").splitlines()}
        return b"\n".join(sorted(wanted))

    calls = plugins(lock=Plugin(guild_resolve_barrier=guild_resolve_barrier)).within(None)
    request = BarrierRequest(
        path="uv.lock",
        directory="/x",
        base=b"a",
        wanted={"core": b"a\nc", "web": b"a\nb", "docs": None},
    )

    found = calls.first(hookspecs.guild_resolve_barrier, request=request)

    assert found is not None
    assert found.value == b"a\nb\nc"


def test_guild_estimate_uses_what_was_measured() -> None:
    @hookimpl
    def guild_estimate(request: EstimateRequest) -> Estimate | None:
        return Estimate(seconds=max(request.measured)) if request.measured else None

    calls = plugins(guess=Plugin(guild_estimate=guild_estimate)).within(None)
    known = EstimateRequest(stage=Stage.TEST, scope=CORE, task="t", measured=(1.0, 3.0))
    unknown = EstimateRequest(stage=Stage.TEST, scope=CORE, task="t")

    found = calls.first(hookspecs.guild_estimate, request=known)

    assert found is not None
    assert found.value.seconds == 3.0
    assert calls.first(hookspecs.guild_estimate, request=unknown) is None


def test_an_estimate_is_a_number_that_can_be_waited_for() -> None:
    with pytest.raises(ValueError, match="finite"):
        Estimate(seconds=float("nan"))


class Inline:
    """An executor with one slot: here."""

    slots = 1

    def submit(self, order: WorkOrder) -> Future[bytes]:
        future: Future[bytes] = Future()
        future.set_result(order.payload[::-1])
        return future

    def close(self) -> None:
        pass


def test_guild_executor_is_made_for_its_name_alone() -> None:
    @hookimpl
    def guild_executor(request: ExecutorRequest) -> Executor | None:
        return Inline() if request.name == "inline" else None

    calls = plugins(inline=Plugin(guild_executor=guild_executor)).within(None)

    found = calls.first(hookspecs.guild_executor, request=ExecutorRequest(name="inline"))
    other = calls.first(hookspecs.guild_executor, request=ExecutorRequest(name="dask"))

    assert found is not None
    assert found.value.submit(WorkOrder(id="1", function="m:f", payload=b"ab")).result() == b"ba"
    assert other is None


def test_guild_event_reaches_every_handler_whatever_others_do() -> None:
    heard: list[str] = []

    @hookimpl
    def listens(event: Event) -> None:
        heard.append(event.id)

    @hookimpl(tryfirst=True)
    def breaks(event: Event) -> None:
        raise ValueError("no")

    handlers = plugins(good=Plugin(guild_event=listens), bad=Plugin(guild_event=breaks))
    event = OperationAbandoned(id="e1", at=0.0, operation="o", reason="r")

    faults = handlers.within(None).each(hookspecs.guild_event, event=event)

    assert heard == ["e1"]
    assert [(type(fault).__name__, fault.plugin) for fault in faults] == [("PluginRaised", "bad")]
