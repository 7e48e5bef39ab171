"""The landing queue's core, event by event."""

from __future__ import annotations

from guild_plugins.delivery.queue.core import LandingQueue
from guild_plugins.delivery.queue.facts import (
    Added,
    CancelTest,
    Entry,
    GiveUp,
    Instruction,
    Land,
    Landed,
    NotLanded,
    Paused,
    Removed,
    Reordered,
    Resumed,
    StartTest,
    TestFailed,
    TestPassed,
    TrunkMoved,
)


def entry(id: str, *closure: str, barrier: bool = False, chance: float = 0.9) -> Entry:
    return Entry(id, frozenset(closure), barrier, chance)


def queue(*entries: Entry, workers: int = 8, batch: int = 1) -> LandingQueue:
    made = LandingQueue(workers, batch)
    for one in entries:
        made.handle(Added(one))
    return made


def running(made: LandingQueue) -> dict[tuple[str, ...], int]:
    return {running.group.ids: test for test, running in made.running.items()}


def add(made: LandingQueue, one: Entry) -> list[Instruction]:
    return made.handle(Added(one))


def test_what_cannot_meet_is_tested_side_by_side_and_lands_in_any_order() -> None:
    made = LandingQueue(8)
    assert add(made, entry("a", "x")) == [StartTest(1, ("a",), ())]
    assert add(made, entry("b", "y")) == [StartTest(2, ("b",), ())]

    assert made.handle(TestPassed(2)) == [Land(("b",))]
    assert made.handle(Landed(("b",))) == []
    assert made.handle(TestPassed(1)) == [Land(("a",))]


def test_what_can_meet_is_tested_on_what_trunk_would_be() -> None:
    made = LandingQueue(8)
    add(made, entry("a", "x"))
    assert add(made, entry("b", "x", "y")) == [StartTest(2, ("b",), ("a",))]
    assert add(made, entry("c", "y")) == [StartTest(3, ("c",), ("b",))]

    assert made.handle(TestPassed(2)) == []
    assert made.handle(TestPassed(1)) == [Land(("a",))]
    assert made.handle(Landed(("a",))) == [Land(("b",))]


def test_a_failure_cancels_only_what_depended_on_it() -> None:
    made = queue(entry("a", "x"), entry("b", "x"), entry("c", "z"))
    numbers = running(made)

    told = made.handle(TestFailed(numbers[("a",)], "broken"))

    assert told == [GiveUp("a", "broken"), CancelTest(numbers[("b",)]), StartTest(4, ("b",), ())]
    assert running(made)[("c",)] == numbers[("c",)]


def test_a_failure_on_an_assumption_is_final_only_when_that_has_landed() -> None:
    made = queue(entry("a", "x"), entry("b", "x"))

    assert made.handle(TestFailed(2, "broken")) == []
    assert made.handle(TestPassed(1)) == [Land(("a",))]
    assert made.handle(Landed(("a",))) == [GiveUp("b", "broken")]


def test_what_failed_on_an_assumption_that_fails_is_tested_again() -> None:
    made = queue(entry("a", "x"), entry("b", "x"))
    made.handle(TestFailed(2))

    assert made.handle(TestFailed(1)) == [
        GiveUp("a", "its tests failed"),
        StartTest(3, ("b",), ()),
    ]


def test_what_is_taken_to_fail_is_in_nobodys_assumptions() -> None:
    made = queue(entry("a", "x"), entry("b", "x"), entry("c", "x"))

    told = made.handle(TestFailed(2))

    assert told == [CancelTest(3), StartTest(4, ("c",), ("a",))]


def test_workers_go_to_the_sure_first_then_to_the_likeliest() -> None:
    made = queue(
        entry("a", "x", chance=0.5),
        entry("b", "x"),
        entry("c", "y"),
        entry("d", "y"),
        workers=3,
    )
    assert set(running(made)) == {("a",), ("b",), ("c",)}
    made.handle(Paused())
    made.handle(TestPassed(2))
    assert made.handle(Resumed()) == [StartTest(4, ("d",), ("c",))]


def test_a_barrier_lands_alone() -> None:
    made = queue(entry("a", "x"), entry("lock", barrier=True), entry("c", "z"))
    assert set(running(made)) == {("a",)}
    made.handle(TestPassed(1))

    assert made.handle(Landed(("a",))) == [StartTest(2, ("lock",), ())]
    made.handle(TestPassed(2))
    assert made.handle(Landed(("lock",))) == [StartTest(3, ("c",), ())]


def test_trunk_that_moved_makes_verdicts_worthless_where_it_can_matter() -> None:
    made = queue(entry("a", "x"), entry("b", "y"))

    told = made.handle(TrunkMoved(frozenset({"x"})))

    assert told == [CancelTest(1), StartTest(3, ("a",), ())]
    assert ("b",) in running(made)


def test_a_swap_that_came_too_late_is_tried_again_on_the_new_trunk() -> None:
    made = queue(entry("a", "x"))
    assert made.handle(TestPassed(1)) == [Land(("a",))]
    assert made.handle(TrunkMoved()) == []
    assert made.handle(NotLanded(("a",))) == [StartTest(2, ("a",), ())]


def test_a_swap_that_is_refused_for_good_gives_the_branch_up() -> None:
    made = queue(entry("a", "x"), entry("b", "x"))
    made.handle(TestPassed(1))
    assert made.handle(NotLanded(("a",), "dirty")) == [
        GiveUp("a", "dirty"),
        CancelTest(2),
        StartTest(3, ("b",), ()),
    ]


def test_a_pause_begins_nothing_and_loses_nothing() -> None:
    made = queue(entry("a", "x"))
    made.handle(Paused())
    assert made.handle(TestPassed(1)) == []
    assert add(made, entry("b", "y")) == []
    assert made.waits_for == "being resumed"
    assert made.handle(Resumed()) == [Land(("a",)), StartTest(2, ("b",), ())]


def test_removing_cancels_and_plans_anew() -> None:
    made = queue(entry("a", "x"), entry("b", "x"))
    assert made.handle(Removed("a")) == [CancelTest(1), CancelTest(2), StartTest(3, ("b",), ())]
    assert made.handle(TestPassed(1)) == [], "what was cancelled is not heard"


def test_another_order_is_another_context() -> None:
    made = queue(entry("a", "x"), entry("b", "x"))
    told = made.handle(Reordered("b", 0))
    assert [one for one in told if isinstance(one, StartTest)] == [
        StartTest(3, ("b",), ()),
        StartTest(4, ("a",), ("b",)),
    ]


def test_a_batch_that_fails_is_halved() -> None:
    made = LandingQueue(1, batch=4)
    add(made, entry("z", "x"))
    for name in "abcd":
        add(made, entry(name, "x"))
    begun = StartTest(2, ("a", "b", "c", "d"), ("z",))
    assert made.handle(TestPassed(1)) == [Land(("z",)), begun]
    made.handle(Landed(("z",)))

    assert made.handle(TestFailed(2)) == [StartTest(3, ("a", "b"), ())]
    assert made.handle(TestPassed(3)) == [Land(("a", "b")), StartTest(4, ("c", "d"), ("a", "b"))]
    made.handle(Landed(("a", "b")))
    assert made.handle(TestFailed(4)) == [StartTest(5, ("c",), ())]


def batches_apart(*entries: Entry, workers: int) -> LandingQueue:
    """Return a queue that gets all at once, and has tested nothing yet."""
    made = LandingQueue(workers, batch=4, apart=True)
    made.handle(Paused())
    for one in entries:
        made.handle(Added(one))
    return made


def test_what_cannot_meet_is_tested_as_one_with_something_for_each_worker() -> None:
    made = batches_apart(*(entry(name, name) for name in "abcdef"), workers=2)

    assert made.handle(Resumed()) == [
        StartTest(1, ("a", "b", "c"), ()),
        StartTest(2, ("d", "e", "f"), ()),
    ]


def test_a_batch_passes_nobody_that_it_can_break() -> None:
    first, second = entry("a", "x"), entry("b", "x")
    made = batches_apart(first, second, entry("c", "y"), entry("d", "x"), workers=1)

    assert made.handle(Resumed()) == [StartTest(1, ("a", "c"), ())]
    assert made.handle(TestPassed(1)) == [Land(("a", "c")), StartTest(2, ("b",), ("a", "c"))]


def test_of_a_batch_that_tells_who_failed_the_others_have_passed() -> None:
    made = batches_apart(*(entry(name, name) for name in "abc"), entry("d", "a"), workers=1)
    assert made.handle(Resumed()) == [StartTest(1, ("a", "b", "c"), ())]

    told = made.handle(TestFailed(1, "1 failed", guilty=("b",)))

    assert told == [GiveUp("b", "1 failed"), Land(("a", "c")), StartTest(2, ("d",), ("a", "c"))]


def test_what_stood_on_others_of_the_batch_is_not_tested_again() -> None:
    made = batches_apart(*(entry(name, name) for name in "abc"), entry("d", "a"), workers=2)
    assert made.handle(Resumed()) == [StartTest(1, ("a", "b"), ()), StartTest(2, ("c",), ())]
    assert made.handle(TestPassed(2)) == [Land(("c",)), StartTest(3, ("d",), ("a", "b"))]

    assert made.handle(TestFailed(1, guilty=("b",))) == [
        GiveUp("b", "its tests failed"),
        Land(("a",)),
    ]


def test_the_same_branch_is_in_the_queue_once() -> None:
    made = queue(entry("a", "x"))
    assert add(made, entry("a", "x")) == []
