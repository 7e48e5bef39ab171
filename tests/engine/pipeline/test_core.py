"""The rules of the pipeline, one by one."""

from __future__ import annotations

import pytest

from guild_plugins.engine.pipeline.core import NotStarted, Pipeline, replay
from guild_plugins.engine.pipeline.graph import UnitsIllegal
from guild_plugins.engine.pipeline.instructions import Dismiss, End, Hire, Stop, Wake
from guild_plugins.engine.pipeline.progress import (
    TRANSITIONS,
    IllegalTransition,
    Progress,
    Signal,
    State,
)
from guild_plugins.engine.pipeline.snapshot import snapshot
from guild_plugins.stages.runs import (
    ClockTicked,
    Limits,
    RunCancelled,
    RunResumed,
    Unit,
    UnitLost,
    UnitMeasured,
    WorkerJoined,
    WorkerLeft,
)
from tests.engine.pipeline.making import Desk, free_limits, started


def unit(name: str, *after: str, **fields: object) -> Unit:
    """Return a unit "scope/stage"; one without a scope is a join."""
    scope, _, stage = name.rpartition("/")
    return Unit(id=name, stage=stage, scope=scope or None, after=after, **fields)  # type: ignore[arg-type]


LOOP = (
    unit("a/implement"),
    unit("a/gate", "a/implement", sends_back="a/implement"),
    unit("a/land", "a/gate"),
)


# -- the table -----------------------------------------------------------------


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("signal", Signal)
def test_a_unit_moves_along_the_table_or_not_at_all(state: State, signal: Signal) -> None:
    progress = Progress(LOOP[0], state=state)

    if (state, signal) in TRANSITIONS:
        progress.move(signal)
        assert progress.state is TRANSITIONS[state, signal]
    else:
        with pytest.raises(IllegalTransition, match=f"is {state}, and cannot"):
            progress.move(signal)
        assert progress.state is state


# -- order ---------------------------------------------------------------------


def test_a_unit_starts_when_what_it_needs_has_passed() -> None:
    desk = Desk(unit("a/one"), unit("a/two", "a/one"))

    assert started(desk.said) == ["a/one"]
    assert started(desk.finish("a/one")) == ["a/two"]
    assert End(2, 0, 0, is_complete=True) in desk.finish("a/two")


def test_a_join_waits_for_all_to_end_however_they_end() -> None:
    join = unit("join", behind=("a/one", "b/one"))
    desk = Desk(unit("a/one"), unit("b/one"), join, workers=2)

    assert not started(desk.fail("a/one", kind="refused"))
    assert started(desk.finish("b/one")) == ["join"]


def test_the_longest_way_to_the_end_goes_first() -> None:
    desk = Desk(
        unit("a/one", seconds=1),
        unit("b/one", seconds=2),
        unit("c/one", seconds=0.5),
        unit("c/two", "c/one", seconds=9),
    )

    assert started(desk.said) == ["c/one"]
    assert started(desk.finish("c/one")) == ["c/two"]
    assert started(desk.finish("c/two")) == ["b/one"]


def test_units_can_come_with_the_finish_of_another() -> None:
    desk = Desk(unit("plan"))

    said = desk.finish("plan", adds=(unit("a/one"), unit("a/two", "a/one")))

    assert started(said) == ["a/one"]


@pytest.mark.parametrize(
    ("units", "reason"),
    [
        ([unit("a/x", "b/x"), unit("b/x", "a/x")], "circle: .*a/x"),
        ([unit("a/x", "gone")], "waits for gone"),
        ([unit("a/x"), unit("a/x")], "two units a/x"),
    ],
)
def test_units_that_cannot_be_done_are_refused_and_nothing_changes(
    units: list[Unit], reason: str
) -> None:
    desk = Desk(unit("plan"))
    before = snapshot(desk.pipeline)

    with pytest.raises(UnitsIllegal, match=reason):
        desk.finish("plan", adds=tuple(units))

    assert snapshot(desk.pipeline) == before


def test_nothing_is_told_before_the_beginning() -> None:
    with pytest.raises(NotStarted):
        Pipeline().handle(ClockTicked(id="e", at=0, run="r"))


# -- failure -------------------------------------------------------------------


def test_a_unit_that_broke_is_tried_again_after_a_pause_that_doubles() -> None:
    desk = Desk(unit("a/one", tries=3))

    assert Wake(1.0) in desk.fail("a/one", 1, chance=0.5)
    assert not started(desk.wait(0.9))
    assert started(desk.wait(0.2)) == ["a/one"]
    assert Wake(desk.at + 3.0) in desk.fail("a/one", 2, chance=1.0)


def test_a_unit_fails_after_its_tries_and_leaves_out_what_is_built_on_it() -> None:
    desk = Desk(unit("a/one", tries=2), unit("a/two", "a/one"), unit("b/one"), workers=2)

    desk.fail("a/one", 1)
    desk.wait(10)
    desk.fail("a/one", 2)
    said = desk.finish("b/one")

    assert End(1, 1, 1, is_complete=True) in said
    assert desk.state("a/two") is State.LEFT_OUT


def test_a_unit_that_will_never_go_right_is_not_tried_again() -> None:
    desk = Desk(unit("a/one", tries=9))

    assert End(0, 1, 0, is_complete=True) in desk.fail("a/one", kind="refused")


def test_an_objection_sends_the_scope_back() -> None:
    desk = Desk(*LOOP)
    desk.finish("a/implement")

    said = desk.fail("a/gate", kind="objected")

    assert started(said) == ["a/implement"]
    assert started(desk.finish("a/implement", 2)) == ["a/gate"]
    assert started(desk.finish("a/gate", 2)) == ["a/land"]


def test_a_scope_is_sent_back_so_many_times_and_then_fails() -> None:
    desk = Desk(*LOOP)

    for attempt in (1, 2, 3):
        desk.finish("a/implement", attempt)
        said = desk.fail("a/gate", attempt, kind="objected")

    assert End(1, 1, 1, is_complete=True) in said


def test_a_lost_unit_runs_again_at_once_and_its_late_finish_changes_nothing() -> None:
    desk = Desk(unit("a/one"))

    said = desk.tell(UnitLost, unit="a/one", attempt=1, reason="killed")
    before = snapshot(desk.pipeline)
    late = desk.finish("a/one", 1)

    assert started(said) == ["a/one"]
    assert not late
    assert snapshot(desk.pipeline) == before


def test_a_unit_that_is_lost_again_and_again_is_taken_for_the_reason() -> None:
    desk = Desk(unit("a/one"))

    for attempt in range(1, 6):
        said = desk.tell(UnitLost, unit="a/one", attempt=attempt, reason="killed")

    assert End(0, 1, 0, is_complete=True) in said


def test_after_losses_one_after_the_other_everything_is_done_one_by_one() -> None:
    desk = Desk(*(unit(f"{name}/one") for name in "abcdefgh"), workers=5)
    jobs = desk.pipeline.crew.jobs
    for _ in range(5):
        unit_id, attempt = next(iter(jobs))
        desk.tell(UnitLost, unit=unit_id, attempt=attempt, reason="killed")

    running = len(jobs)
    for id, attempt in list(jobs)[:-1]:
        assert not started(desk.tell(UnitLost, unit=id, attempt=attempt, reason="killed"))
    ((id, attempt),) = jobs
    said = desk.finish(id, attempt)

    assert running == 4
    assert len(started(said)) == 5


# -- workers -------------------------------------------------------------------


def test_workers_are_hired_for_what_waits_and_no_more_than_the_shape_can_use() -> None:
    chain = Desk(unit("a/one"), unit("a/two", "a/one"), limits=free_limits(9), workers=0)
    wide = Desk(*(unit(f"{n}/one") for n in "abcd"), limits=free_limits(9), workers=0)

    assert chain.said == [Hire(1)]
    assert wide.said == [Hire(4)]


def test_a_worker_that_was_idle_for_long_is_let_go_down_to_the_least() -> None:
    limits = free_limits(4, least=2, idle=30.0)
    desk = Desk(*(unit(f"{n}/one") for n in "abcd"), limits=limits, workers=4)
    for name in "abc":
        desk.finish(f"{name}/one")

    assert not [each for each in desk.wait(29) if isinstance(each, Dismiss)]
    assert len([each for each in desk.wait(2) if isinstance(each, Dismiss)]) == 2
    assert desk.pipeline.crew.size == 2


def test_no_more_runs_than_the_memory_allows() -> None:
    limits = free_limits(4, memory=700)
    desk = Desk(*(unit(f"{n}/one", memory=300) for n in "abcd"), limits=limits, workers=4)

    assert len(started(desk.said)) == 2
    said = desk.tell(UnitMeasured, unit="a/one", attempt=1, cpu=0.1, memory=100)
    assert len(started(said)) == 2


def test_a_unit_that_is_too_large_for_the_machine_runs_when_nothing_else_does() -> None:
    limits = free_limits(2, memory=700)
    desk = Desk(unit("a/one", memory=9000), unit("b/two", memory=1), limits=limits, workers=2)

    assert started(desk.said) == ["a/one"]
    assert started(desk.finish("a/one")) == ["b/two"]


def test_cores_are_shared_by_what_units_were_seen_to_use() -> None:
    limits = free_limits(8, cores=2)
    desk = Desk(*(unit(f"{n}/one") for n in "abcdef"), limits=limits, workers=6)

    assert len(started(desk.said)) == 2
    desk.at = 1.0
    assert len(started(desk.finish("a/one", cpu=0.1, memory=1))) == 4


def test_a_scope_has_no_more_workers_than_its_width() -> None:
    checks = [unit(f"a/check{n}", width=2) for n in range(3)]
    desk = Desk(*checks, unit("b/late", seconds=0.1), workers=4)

    assert started(desk.said) == ["a/check0", "a/check1", "b/late"]
    assert started(desk.finish("a/check0")) == ["a/check2"]


def test_a_full_queue_holds_back_the_stage_before() -> None:
    units = [u for n in "abcd" for u in (unit(f"{n}/make"), unit(f"{n}/use", f"{n}/make"))]
    desk = Desk(*units, limits=free_limits(1, queue=1))

    assert started(desk.finish(*started(desk.said))) == ["a/use"]


def test_verification_gets_its_share_of_the_workers_first() -> None:
    desk = Desk(
        unit("a/work", seconds=1),
        unit("b/work", seconds=9),
        unit("c/check", seconds=0.1, common=True),
    )

    assert started(desk.said) == ["c/check"]


def test_what_has_to_be_alone_waits_for_all_others_and_lets_none_beside_it() -> None:
    desk = Desk(
        unit("a/one", seconds=9),
        unit("b/speed", seconds=5, alone=True),
        unit("c/one", seconds=1),
        workers=3,
    )

    assert started(desk.said) == ["a/one"]
    assert started(desk.finish("a/one")) == ["b/speed"]
    assert started(desk.finish("b/speed")) == ["c/one"]


def test_a_worker_comes_back_to_its_scope() -> None:
    desk = Desk(
        unit("a/one"), unit("a/two", "a/one"), unit("b/one"), unit("b/two", "b/one"), workers=2
    )
    first = {id: job.attempt.worker for (id, _), job in desk.pipeline.crew.jobs.items()}
    desk.finish("a/one")
    desk.finish("b/one")
    second = {id: job.attempt.worker for (id, _), job in desk.pipeline.crew.jobs.items()}

    assert second == {"a/two": first["a/one"], "b/two": first["b/one"]}


# -- speculation ---------------------------------------------------------------

GUESS = (
    unit("a/implement"),
    unit("a/gate", "a/implement", sends_back="a/implement"),
    unit("a/test", "a/implement", "a/gate", hopes=("a/gate",)),
    unit("a/land", "a/test"),
)


def test_a_free_worker_begins_what_will_probably_be_needed() -> None:
    desk = Desk(*GUESS, workers=2)

    assert started(desk.finish("a/implement")) == ["a/gate", "a/test"]


def test_a_right_guess_counts_when_what_it_hoped_for_passes() -> None:
    desk = Desk(*GUESS, workers=2)
    desk.finish("a/implement")

    assert not started(desk.finish("a/test"))
    assert desk.state("a/test") is State.HELD
    assert started(desk.finish("a/gate")) == ["a/land"]


def test_a_wrong_guess_is_stopped_without_a_trace() -> None:
    desk = Desk(*GUESS, workers=2)
    desk.finish("a/implement")

    said = desk.fail("a/gate", kind="objected")
    late = desk.finish("a/test", 1)

    assert Stop("a/test", 1) in said
    assert desk.state("a/test") is State.WAITING
    assert not started(late)


def test_a_straggler_gets_a_copy_and_the_first_to_end_counts() -> None:
    desk = Desk(unit("a/one", seconds=1, repeatable=True), workers=2)

    assert Wake(3.0) in desk.said
    assert started(desk.wait(3.0)) == ["a/one"]
    said = desk.finish("a/one", 2)

    assert Stop("a/one", 1) in said
    assert desk.state("a/one") is State.PASSED


def test_a_copy_that_breaks_leaves_the_first_one_alone() -> None:
    desk = Desk(unit("a/one", seconds=1, repeatable=True), workers=2)
    desk.wait(3.0)

    desk.fail("a/one", 2)

    assert desk.state("a/one") is State.RUNNING


# -- the run -------------------------------------------------------------------


def test_a_cancelled_run_stops_what_runs_and_can_be_resumed() -> None:
    desk = Desk(unit("a/one", seconds=9), unit("b/one"))

    assert Stop("a/one", 1) in desk.tell(RunCancelled, reason="interrupted")
    ended = desk.tell(UnitLost, unit="a/one", attempt=1, reason="stopped")
    assert End(0, 0, 0, is_complete=False) in ended
    assert desk.tell(RunResumed) == [Hire(1)]
    assert started(desk.tell(WorkerJoined, worker="w9")) == ["a/one"]


def test_a_resumed_run_does_not_repeat_what_has_passed() -> None:
    desk = Desk(unit("a/one"), unit("a/two", "a/one"))
    desk.finish("a/one")

    desk.tell(RunResumed)

    assert started(desk.tell(WorkerJoined, worker="w9")) == ["a/two"]


def test_a_worker_that_leaves_takes_its_unit_to_another() -> None:
    desk = Desk(unit("a/one"), unit("b/one"), workers=2)
    worker = desk.pipeline.crew.jobs["a/one", 1].attempt.worker
    desk.finish("b/one")

    assert started(desk.tell(WorkerLeft, worker=worker, reason="gone")) == ["a/one"]


def test_replay_gives_the_state() -> None:
    desk = Desk(limits=Limits(least=1, most=1, cores=1))

    assert snapshot(replay([])) == snapshot(Pipeline())
    assert desk.said == [End(0, 0, 0, is_complete=True)]
