from __future__ import annotations

import pickle

import pytest

from guild_plugins.engine.messages import (
    Assign,
    Cancelled,
    Divide,
    Drop,
    Event,
    IllegalEventError,
    Instruction,
    Piece,
    PoolCancelled,
    Recall,
    Release,
    Remainder,
    ScopeCancelled,
    StartFailed,
    StartWorker,
    TestsFinished,
    TestsReturned,
    Unit,
    UnitClosed,
    UnitGrew,
    UnitOpened,
    UnitReturned,
    WorkerHungry,
    WorkerLost,
    WorkerReady,
    WorkerStopped,
)
from guild_plugins.engine.queues import PoolQueue
from guild_plugins.engine.scheduling import Scheduler
from guild_plugins.engine.workers import Worker


def begun(units: list[Unit], *workers: str, limit: int | None = None) -> Scheduler:
    """Return a scheduler whose workers came up in this order, and wait for none."""
    scheduler = Scheduler(units, limit=limit or len(workers), startup=0.1)
    scheduler.begin(0.0)
    tell(scheduler, *(WorkerReady(name, "", 0.0) for name in workers))
    return scheduler


def tell(scheduler: Scheduler, *events: Event) -> list[Instruction]:
    """Hand events over and return all that was said to them."""
    return [instruction for event in events for instruction in scheduler.handle(event)]


def shown(instructions: list[Instruction]) -> list[tuple[object, ...]]:
    """Return instructions as short tuples: assign a 3, recall a 3, release a."""
    short: list[tuple[object, ...]] = []
    for one in instructions:
        if isinstance(one, Assign):
            short.append(("assign", one.worker, one.piece.unit.id))
        elif isinstance(one, Recall | Divide):
            short.append((type(one).__name__.lower(), one.worker, one.piece))
        elif isinstance(one, Release):
            short.append(("release", one.worker))
        elif isinstance(one, StartWorker):
            short.append(("start", one.pool))
        else:
            short.append(("drop", *(piece.unit.id for piece in one.pieces)))
    return short


# -- order ---------------------------------------------------------------------


def order(units: list[Unit]) -> list[int]:
    """Return the order in which one worker gets the units."""
    scheduler = Scheduler(units, limit=1)
    scheduler.begin(0.0)
    said = tell(scheduler, WorkerReady("a", "", 0.0))
    got: list[int] = []
    while len(got) < len(units):
        (piece,) = (i.piece for i in said if isinstance(i, Assign))
        got.append(piece.unit.id)
        said = tell(
            scheduler,
            UnitOpened("a", piece.id, 0, 0.0),
            UnitClosed("a", piece.id, 0.0),
        )
    return got


def test_what_failed_before_runs_first() -> None:
    units = [
        Unit(1, "core", seconds=9.0),
        Unit(2, "core", seconds=1.0, priority=-1),
        Unit(3, "mail", seconds=2.0, priority=-1),
    ]

    assert order(units) == [3, 2, 1]


def test_a_long_pole_runs_before_its_scope_has_its_turn() -> None:
    units = [Unit(n, "core", seconds=1.0) for n in range(10)]
    units += [Unit(99, "mail", seconds=8.0)]
    scheduler = begun(units, "a", "b", limit=2)

    assert next(iter(scheduler._state.workers.values())).unopened.keys() == {99}


def test_a_worker_stays_in_its_scope_and_takes_the_longest_there() -> None:
    core = [Unit(n, "core", seconds=1.0 + n / 10) for n in range(4)]
    mail = [Unit(n + 10, "mail", seconds=1.05 + n / 10) for n in range(3)]

    assert order(core + mail)[:4] == [3, 2, 1, 0]


def test_workers_spread_over_scopes_by_what_is_left_in_each() -> None:
    units = [Unit(n, "core", seconds=1.0) for n in range(8)]
    units += [Unit(n + 10, "mail", seconds=1.0) for n in range(5)]
    scheduler = Scheduler(units, limit=2)
    scheduler.begin(0.0)

    said = tell(scheduler, WorkerReady("a", "", 0.0), WorkerReady("b", "", 0.0))

    assert shown(said) == [("assign", "a", 0), ("assign", "b", 10)]


def test_a_scope_rises_when_workers_leave_it() -> None:
    queue = PoolQueue()
    for n, scope in enumerate(("core", "core", "core", "mail", "mail", "api")):
        queue.push(Piece(n, Unit(n, scope), seconds=1.5 if scope == "api" else 1.0))
    queue.move(None, "core")
    queue.move(None, "core")
    first = queue.pop(None, workers=1)
    queue.move("core", None)
    queue.move("core", None)

    second = queue.pop(None, workers=1)

    assert first is not None
    assert second is not None
    assert (first.unit.scope, second.unit.scope) == ("mail", "core")


PACKED = ("pack",)


def test_a_worker_stays_in_a_visit_until_nothing_of_it_waits() -> None:
    units = [
        Unit(1, "core", seconds=9.0, visits=PACKED),
        Unit(2, "core", seconds=8.0),
        Unit(3, "mail", seconds=7.0, visits=("pack", "pack/deep")),
        Unit(4, "mail", seconds=6.0),
        Unit(5, "mail", seconds=0.5, visits=PACKED),
        Unit(6, "core", seconds=0.4, visits=("pack", "pack/deep")),
    ]

    assert order(units) == [1, 6, 3, 5, 2, 4]


def test_exclusive_pieces_run_visit_by_visit() -> None:
    visits = [(), PACKED, (), ("pack", "pack/deep"), PACKED, ("other",)]
    units = [
        Unit(n, "core", seconds=float(n + 1), exclusive=True, visits=visits[n]) for n in range(6)
    ]

    assert order(units) == [2, 0, 5, 4, 1, 3]


def visiting() -> Scheduler:
    """Return a scheduler whose worker a has left the visit in which b has work left."""
    packed = [Unit(n, "core", seconds=5.0, visits=PACKED) for n in range(3)]
    scheduler = begun([*packed, Unit(9, "mail", seconds=1.0)], "a", "b")
    for piece in (0, 2):
        tell(scheduler, UnitOpened("a", piece, 1, 0.1), UnitClosed("a", piece, 0.2))
    tell(scheduler, UnitOpened("a", 9, 1, 0.3), UnitOpened("b", 1, 9, 0.3))
    return scheduler


def test_a_worker_does_not_ask_for_work_of_a_visit_that_it_has_left() -> None:
    said = tell(visiting(), hungry("a"))

    assert shown(said) == [("release", "a")]


def test_what_comes_back_waits_for_a_worker_that_is_still_in_the_visit() -> None:
    packed = [Unit(n, "core", seconds=5.0, visits=PACKED) for n in range(3)]
    scheduler = begun([*packed, Unit(9, "mail", seconds=1.0)], "a", "b", "c", limit=3)
    tell(scheduler, *(UnitOpened(w, n, 9, 0.1) for n, w in enumerate("abc")))
    tell(scheduler, *(UnitClosed("a", 0, 0.2), UnitOpened("a", 9, 1, 0.2)))

    said = tell(scheduler, WorkerLost("b", 0.3, (Remainder(1, 4, "rest"),)), hungry("a"))

    assert ("assign", "c", 1) in shown(said)
    assert ("assign", "a", 1) not in shown(said)


def test_what_comes_back_where_all_have_left_is_run_all_the_same() -> None:
    scheduler = visiting()

    said = tell(scheduler, WorkerLost("b", 0.6, (Remainder(1, 4, "rest"),)), hungry("a"))

    assert ("assign", "a", 1) in shown(said)


def test_a_piece_that_is_taken_back_was_no_visit() -> None:
    worker = Worker("a", "")
    inside = Piece(1, Unit(1, "core", visits=PACKED), 1.0)
    worker.give(Piece(0, Unit(0, "core", visits=("other",)), 1.0))
    worker.give(inside)

    worker.take_back(inside)

    assert worker.trail == ("other",)
    assert worker.may_enter(inside)


# -- one piece ahead -------------------------------------------------------------


def test_a_worker_that_opens_a_piece_gets_the_next_one() -> None:
    scheduler = begun([Unit(n, "core", seconds=5.0) for n in range(3)], "a")

    said = tell(scheduler, UnitOpened("a", 0, 4, 0.1))

    assert shown(said) == [("assign", "a", 1)]


def test_short_pieces_are_held_several_ahead() -> None:
    scheduler = Scheduler([Unit(n, "core", seconds=0.01) for n in range(500)], limit=1)
    scheduler.begin(0.0)

    said = tell(scheduler, WorkerReady("a", "", 0.0))

    assert len(said) == 8


def test_near_the_end_short_pieces_are_held_one_ahead() -> None:
    scheduler = Scheduler([Unit(n, "core", seconds=0.01) for n in range(8)], limit=1)
    scheduler.begin(0.0)

    said = tell(scheduler, WorkerReady("a", "", 0.0))

    assert len(said) == 1


def test_files_that_prove_shorter_than_expected_are_held_further_ahead() -> None:
    scheduler = Scheduler([Unit(n, "core", size=40_000) for n in range(500)], limit=1)
    scheduler.begin(0.0)
    tell(scheduler, WorkerReady("a", "", 0.0))
    said: list[Instruction] = []

    for n in range(30):
        said = tell(scheduler, UnitOpened("a", n, 1, n / 100), UnitClosed("a", n, n / 100 + 0.01))

    assert len(scheduler._state.workers["a"].unopened) > 1
    assert said


# -- the tail --------------------------------------------------------------------


def test_a_hungry_worker_gets_the_piece_that_would_wait_longest() -> None:
    scheduler = begun([Unit(n, "core", seconds=5.0) for n in range(4)], "a", "b")
    tell(scheduler, UnitOpened("a", 0, 9, 0.1), UnitOpened("b", 1, 1, 0.1))

    asked = tell(scheduler, UnitOpened("b", 3, 0, 0.2), UnitClosed("b", 3, 0.2), hungry("b"))
    given = tell(scheduler, UnitReturned("a", 2, 1.0))

    assert shown(asked) == [("recall", "a", 2)]
    assert shown(given) == [("assign", "b", 2)]


def hungry(worker: str, at: float = 1.0) -> WorkerHungry:
    return WorkerHungry(worker, at)


def one_open(tests: int, seconds: float = 100.0) -> Scheduler:
    """Return a scheduler with worker a in its only unit, and b and c without any."""
    scheduler = begun([Unit(1, "core", seconds=seconds)], "a", "b", "c")
    tell(scheduler, hungry("b"), hungry("c"))
    scheduler.handle(UnitOpened("a", 1, tests, 1.0))
    return scheduler


def test_an_open_piece_is_divided_for_who_has_nothing() -> None:
    scheduler = begun([Unit(1, "core", seconds=100.0)], "a", "b")

    asked = tell(scheduler, hungry("b", 0.5), UnitOpened("a", 1, 10, 1.0))
    given = tell(scheduler, TestsReturned("a", 1, 4, ("t6", "t7", "t8", "t9"), 1.1))

    assert shown(asked) == [("divide", "a", 1)]
    assert isinstance(given[0], Assign)
    assert given[0].worker == "b"
    assert given[0].piece.id != 1
    assert given[0].piece.payload == ("t6", "t7", "t8", "t9")
    assert given[0].piece.seconds == pytest.approx(40.0, rel=0.1)


def partly_read(tests: int, unread: int, *others: str) -> Scheduler:
    """Return a scheduler with worker a in its only unit, which it has read in part."""
    scheduler = begun([Unit(1, "core", seconds=100.0)], "a", *others)
    tell(scheduler, *(hungry(name, 0.5) for name in others))
    tell(scheduler, UnitOpened("a", 1, tests, 1.0, unread=unread))
    return scheduler


def test_what_is_not_collected_is_given_away_first() -> None:
    scheduler = begun([Unit(1, "core", seconds=100.0)], "a", "b")
    asked = tell(scheduler, hungry("b", 0.5), UnitOpened("a", 1, 20, 1.0, unread=80))

    given = tell(scheduler, TestsReturned("a", 1, 50, "the later half", 1.1, unread=True))

    assert asked == [Divide("a", 1, unread=True)]
    assert isinstance(given[0], Assign)
    assert given[0].piece.seconds == pytest.approx(50.0, rel=0.1)
    assert not given[0].piece.again
    assert scheduler._state.moved_tests == 0


def test_tests_that_were_collected_count_as_moved() -> None:
    scheduler = partly_read(10, 0, "b")

    tell(scheduler, TestsReturned("a", 1, 4, "half", 1.1))

    assert scheduler._state.moved_tests == 4


def test_a_worker_that_read_on_meanwhile_is_asked_for_what_it_has_read() -> None:
    scheduler = partly_read(10, 30, "b")
    tell(scheduler, UnitGrew("a", 1, 30, 1.1, unread=0))

    said = tell(scheduler, TestsReturned("a", 1, 0, (), 1.2, unread=True))

    assert said == [Divide("a", 1)]


def test_what_has_grown_is_shared_like_what_was_there() -> None:
    scheduler = partly_read(10, 90)
    opened = scheduler._state.workers["a"].opened[1]

    tell(scheduler, UnitGrew("a", 1, 20, 1.1, unread=65))

    assert (opened.tests, opened.left, opened.unread) == (30, 30, 65)
    assert scheduler._state.opened_tests == 30


def test_a_piece_grows_only_where_it_is_open() -> None:
    scheduler = begun([Unit(1, "core", seconds=100.0)], "a")

    with pytest.raises(IllegalEventError, match="not open"):
        scheduler.handle(UnitGrew("a", 1, 5, 1.0, unread=0))


def test_a_worker_waits_for_a_file_that_nobody_has_timed() -> None:
    units = [Unit(1, "core", seconds=9.0, size=9000), Unit(2, "new", size=40)]
    scheduler = begun(units, "a", "b")
    tell(scheduler, UnitOpened("a", 1, 1, 0.1), hungry("b", 0.1))

    said = tell(scheduler, UnitClosed("a", 1, 9.0), hungry("a", 9.0))

    assert list(scheduler._state.workers["b"].unopened) == [2]
    assert said == []


def test_a_file_that_proves_long_is_shared_by_who_waits_for_it() -> None:
    units = [Unit(1, "core", seconds=9.0, size=9000), Unit(2, "new", size=40)]
    scheduler = begun(units, "a", "b")
    opened = UnitOpened("b", 2, 24, 0.199, unread=76)
    tell(scheduler, UnitOpened("a", 1, 1, 0.1), opened, UnitClosed("a", 1, 0.2))
    waits = tell(scheduler, hungry("a", 0.2))

    said = tell(scheduler, TestsFinished("b", 2, 10, 10.1))

    assert waits == []
    assert said == [Divide("b", 2, unread=True)]


def test_who_waits_for_a_file_that_proves_short_is_released() -> None:
    units = [Unit(1, "core", seconds=9.0, size=9000), Unit(2, "new", size=40)]
    scheduler = begun(units, "a", "b")
    opened = UnitOpened("b", 2, 24, 0.199)
    tell(scheduler, UnitOpened("a", 1, 1, 0.1), opened, UnitClosed("a", 1, 0.2))
    waits = tell(scheduler, hungry("a", 0.2))

    said = tell(scheduler, TestsFinished("b", 2, 10, 0.21))

    assert waits == []
    assert shown(said) == [("release", "a")]


def test_one_worker_is_asked_by_one_thief_at_a_time() -> None:
    scheduler = one_open(tests=20)

    said = tell(scheduler, hungry("b", 1.1), hungry("c", 1.1))

    assert said == []
    assert list(scheduler._state.requests) == [1]


def test_a_thief_asks_one_worker_at_a_time() -> None:
    units = [Unit(n, "core", seconds=90.0 - n) for n in range(3)]
    scheduler = begun(units, "a", "b", "c")
    tell(scheduler, *(UnitOpened(name, n, 30, 0.1) for n, name in enumerate("abc")))
    tell(scheduler, TestsFinished("c", 2, 29, 80.0))

    said = tell(scheduler, hungry("c", 80.0), hungry("c", 80.1))

    assert shown(said) == [("divide", "a", 0)]


def test_nothing_is_recalled_from_a_worker_that_is_about_to_open_it() -> None:
    units = [Unit(n, "core", seconds=5.0, divisible=False) for n in range(3)]
    scheduler = begun(units, "a", "b")
    tell(scheduler, UnitOpened("b", 1, 1, 0.1), hungry("b", 0.2))

    said = tell(scheduler, UnitOpened("a", 0, 1, 0.1), hungry("a", 0.3))

    assert shown(said) == [("release", "a")]


def test_the_next_thief_asks_when_the_first_was_served() -> None:
    scheduler = one_open(tests=20)

    said = tell(scheduler, TestsReturned("a", 1, 9, "second half", 1.2))

    assert shown(said) == [("assign", "b", 1), ("divide", "a", 1)]


def test_a_worker_is_released_when_all_have_refused() -> None:
    scheduler = one_open(tests=20)

    said = tell(scheduler, TestsReturned("a", 1, 0, (), 1.2))

    assert shown(said) == [("release", "b"), ("release", "c")]


def test_a_piece_that_refused_once_is_not_asked_again() -> None:
    scheduler = begun([Unit(1, "core", seconds=90.0), Unit(2, "core", seconds=80.0)], "a", "b")
    tell(scheduler, UnitOpened("a", 1, 30, 0.1), UnitOpened("b", 2, 1, 0.1), hungry("b"))

    said = tell(scheduler, TestsReturned("a", 1, 0, (), 1.1))

    assert shown(said) == [("release", "b")]


def test_a_recall_that_came_too_late_is_followed_by_a_division() -> None:
    scheduler = begun([Unit(n, "core", seconds=50.0 - n) for n in range(3)], "a", "b")
    tell(scheduler, UnitOpened("a", 0, 1, 0.1), UnitOpened("b", 1, 1, 0.1))

    asked = tell(scheduler, UnitClosed("b", 1, 49.0), hungry("b", 49.0))
    late = tell(scheduler, TestsReturned("a", 2, 0, (), 49.1))
    opened = tell(scheduler, UnitOpened("a", 2, 20, 49.2))

    assert shown(asked) == [("recall", "a", 2)]
    assert late == []
    assert shown(opened) == [("divide", "a", 2)]


def test_what_is_not_worth_collecting_twice_is_not_divided() -> None:
    scheduler = begun([Unit(1, "core", seconds=0.4), Unit(2, "core", seconds=0.3)], "a", "b")
    tell(scheduler, UnitOpened("a", 1, 10, 0.0), UnitOpened("b", 2, 1, 0.0))
    tell(scheduler, TestsFinished("a", 1, 4, 0.16))

    said = tell(scheduler, hungry("b", 0.16))

    assert shown(said) == [("release", "b")]


def test_an_indivisible_unit_is_not_divided() -> None:
    units = [Unit(n, "core", seconds=50.0, divisible=False) for n in (1, 2)]
    scheduler = begun(units, "a", "b")
    tell(scheduler, UnitOpened("a", 1, 10, 0.0), UnitOpened("b", 2, 1, 0.0))

    said = tell(scheduler, hungry("b", 0.1))

    assert shown(said) == [("release", "b")]


def test_hunger_that_an_assignment_crossed_on_its_way_is_answered_already() -> None:
    scheduler = begun([Unit(1, "core"), Unit(2, "core")], "a")

    said = tell(scheduler, hungry("a"))

    assert said == []


def test_the_last_worker_is_released_and_its_end_ends_it_all() -> None:
    scheduler = begun([Unit(1, "core")], "a")

    said = tell(scheduler, UnitOpened("a", 1, 1, 0.1), hungry("a"))
    tell(scheduler, UnitClosed("a", 1, 2.0), WorkerStopped("a", 2.1))

    assert shown(said) == [("release", "a")]
    assert scheduler.is_finished


# -- loss ------------------------------------------------------------------------


def test_what_a_lost_worker_had_not_opened_runs_next() -> None:
    scheduler = begun([Unit(n, "core", seconds=9.0) for n in range(5)], "a", "b")
    tell(scheduler, UnitOpened("b", 1, 3, 0.1))

    tell(scheduler, WorkerLost("b", 1.0, (Remainder(1, 2, "the other two"),)))
    said = tell(scheduler, UnitOpened("a", 0, 1, 1.1))

    assert isinstance(said[0], Assign)
    assert said[0].piece.payload == "the other two"


def test_a_file_that_killed_its_worker_is_dropped() -> None:
    scheduler = begun([Unit(1, "core"), Unit(2, "core")], "a")

    said = tell(scheduler, WorkerLost("a", 1.0, dropped=(1,)))

    assert shown(said) == [("drop", 1), ("start", "")]


def test_work_that_comes_back_when_all_are_released_gets_a_new_worker() -> None:
    scheduler = begun([Unit(1, "core", seconds=50.0, divisible=False)], "a", limit=3)

    said = tell(
        scheduler, UnitOpened("a", 1, 3, 0.1), WorkerLost("a", 1.0, (Remainder(1, 2, "rest"),))
    )

    assert shown(said) == [("start", "")]


def test_what_a_lost_worker_still_says_is_harmless() -> None:
    scheduler = one_open(tests=20)
    tell(scheduler, WorkerLost("a", 1.1, (Remainder(1, 19, "rest"),)))

    said = tell(scheduler, TestsReturned("a", 1, 9, "half", 1.2), UnitClosed("a", 1, 1.2))

    assert said == []


def test_a_thief_asks_elsewhere_when_its_victim_dies() -> None:
    scheduler = one_open(tests=20)

    said = tell(scheduler, WorkerLost("a", 1.1, (Remainder(1, 19, "rest"),)))

    assert shown(said) == [("assign", "b", 1)]
    assert scheduler._state.workers["b"].asks is None


def test_what_was_taken_for_a_thief_that_died_goes_to_another() -> None:
    scheduler = one_open(tests=20)
    scheduler.handle(WorkerLost("b", 1.1))

    said = tell(scheduler, TestsReturned("a", 1, 9, "half", 1.2))

    assert ("assign", "c", 1) in shown(said)


def test_a_worker_that_did_not_come_is_asked_for_again() -> None:
    scheduler = Scheduler([Unit(1, "core")], limit=1)
    scheduler.begin(0.0)

    said = tell(scheduler, StartFailed("", 1.0))

    assert shown(said) == [("start", "")]


def test_a_worker_that_was_made_to_forget_a_piece_gets_another() -> None:
    scheduler = begun([Unit(1, "core"), Unit(2, "mail")], "a", limit=1)

    said = tell(scheduler, UnitClosed("a", 1, 1.0))

    assert shown(said) == [("assign", "a", 2)]


# -- pools -----------------------------------------------------------------------


def test_a_slot_that_became_free_goes_to_a_pool_without_a_worker() -> None:
    units = [Unit(1, "core", pool="x", seconds=9.0), Unit(2, "core", pool="y", seconds=3.0)]
    scheduler = Scheduler(units, limit=1)
    scheduler.begin(0.0)
    tell(scheduler, WorkerReady("a", "x", 0.0), UnitOpened("a", 1, 1, 0.1), hungry("a"))

    said = tell(scheduler, UnitClosed("a", 1, 9.0), WorkerStopped("a", 9.1))

    assert shown(said) == [("start", "y")]


# -- exclusive -------------------------------------------------------------------


def test_exclusive_work_waits_until_every_other_worker_has_ended() -> None:
    units = [Unit(1, "core", seconds=5.0), Unit(2, "core", seconds=5.0)]
    scheduler = begun([*units, Unit(3, "db", exclusive=True)], "a", "b")
    tell(scheduler, UnitOpened("a", 1, 1, 0.1), UnitOpened("b", 2, 1, 0.1))

    first = tell(scheduler, hungry("a"))
    second = tell(scheduler, hungry("b"))
    ended = tell(scheduler, UnitClosed("a", 1, 5.0), WorkerStopped("a", 5.1))

    assert shown(first) == [("release", "a")]
    assert second == []
    assert shown(ended) == [("assign", "b", 3)]


def test_exclusive_scopes_follow_each_other_and_are_not_shared() -> None:
    units = [Unit(n, f"s{n % 2}", seconds=60.0, exclusive=True) for n in range(4)]
    scheduler = Scheduler(units, limit=3)
    began = scheduler.begin(0.0)

    said = tell(scheduler, WorkerReady("a", "", 0.0))
    for n in (0, 2, 1):
        said += tell(scheduler, UnitOpened("a", n, 9, 1.0))

    assert shown(began) == [("start", "")]
    assert shown(said) == [("assign", "a", n) for n in (0, 2, 1, 3)]


# -- cancelling --------------------------------------------------------------------


def test_a_cancelled_scope_is_dropped_and_called_back() -> None:
    units = [Unit(n, "core", seconds=9.0) for n in range(3)] + [Unit(9, "mail", seconds=1.0)]
    scheduler = begun(units, "a")
    tell(scheduler, UnitOpened("a", 0, 5, 0.1))

    said = tell(scheduler, ScopeCancelled("core", 1.0))
    returned = tell(scheduler, UnitReturned("a", 1, 1.1))

    assert shown(said) == [("drop", 2), ("recall", "a", 1)]
    assert shown(returned) == [("drop", 1), ("assign", "a", 9)]


def test_a_cancelled_pool_is_dropped() -> None:
    scheduler = Scheduler([Unit(1, "core", pool="x")], limit=1)
    scheduler.begin(0.0)
    scheduler.handle(StartFailed("x", 1.0))

    said = tell(scheduler, PoolCancelled("x", 1.0), StartFailed("x", 2.0))

    assert shown(said) == [("drop", 1)]
    assert scheduler.is_finished


def test_cancelling_drops_all_that_waits_and_releases_everyone() -> None:
    scheduler = begun([Unit(n, "core", seconds=9.0) for n in range(3)], "a", "b")

    said = tell(scheduler, Cancelled(1.0))

    assert shown(said) == [("drop", 2), ("release", "a"), ("release", "b")]


def test_what_remained_of_a_worker_lost_after_cancelling_is_dropped() -> None:
    scheduler = begun([Unit(1, "core", seconds=9.0), Unit(2, "core", seconds=8.0)], "a")
    tell(scheduler, UnitOpened("a", 1, 5, 0.1), Cancelled(1.0))

    said = tell(scheduler, WorkerLost("a", 2.0, (Remainder(1, 3, "rest"),)))

    assert said == [Drop(said[0].pieces)]  # type: ignore[union-attr]
    assert shown(said) == [("drop", 1, 2)]
    assert scheduler.is_finished


# -- what is illegal ---------------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [
        WorkerReady("a", "", 1.0),
        WorkerReady("z", "", 1.0),
        WorkerReady("z", "nowhere", 1.0),
        StartFailed("", 1.0),
        UnitOpened("z", 1, 1, 1.0),
        UnitOpened("a", 1, 1, 1.0),
        UnitOpened("a", 2, -1, 1.0),
        TestsFinished("a", 1, 6, 1.0),
        TestsFinished("a", 1, -1, 1.0),
        TestsFinished("a", 2, 1, 1.0),
        UnitClosed("a", 3, 1.0),
        WorkerHungry("z", 1.0),
        UnitReturned("a", 2, 1.0),
        TestsReturned("a", 1, 1, "t", 1.0),
        WorkerLost("a", 1.0, (Remainder(2, 1, "t"),)),
        WorkerLost("a", 1.0, (Remainder(1, 0, "t"),)),
        WorkerStopped("z", 1.0),
    ],
    ids=str,
)
def test_an_impossible_event_changes_nothing_and_tells_the_story(event: Event) -> None:
    scheduler = begun([Unit(n, "core", seconds=9.0) for n in (1, 2, 3)], "a")
    scheduler.handle(UnitOpened("a", 1, 5, 0.1))
    before = pickle.dumps(scheduler)

    with pytest.raises(IllegalEventError) as caught:
        scheduler.handle(event)

    assert pickle.dumps(scheduler) == before
    assert UnitOpened("a", 1, 5, 0.1) in caught.value.story
    assert "UnitOpened" in str(caught.value)


def test_an_illegal_event_survives_the_way_to_another_process() -> None:
    error = IllegalEventError(WorkerHungry("a", 1.0), "nobody knows the worker", ())

    again = pickle.loads(pickle.dumps(error))

    assert str(again) == str(error)


def test_a_scheduler_needs_a_slot_and_units_that_differ() -> None:
    with pytest.raises(ValueError, match="limit"):
        Scheduler([], limit=0)
    with pytest.raises(ValueError, match="same id"):
        Scheduler([Unit(1, "core"), Unit(1, "mail")], limit=1)


# -- the first piece -------------------------------------------------------------


def test_a_worker_begins_with_the_smallest_file_and_goes_on_with_the_longest() -> None:
    units = [Unit(n, "core", seconds=float(n), size=1000 * n) for n in range(1, 9)]

    assert order(units)[:3] == [1, 8, 7]


def test_a_file_too_small_to_hold_a_test_opens_nothing() -> None:
    units = [Unit(n, "core", seconds=float(n), size=1000 * n) for n in range(1, 9)]
    units += [Unit(99, "core", seconds=0.1, size=20)]

    assert order(units)[0] == 1


def test_what_failed_before_opens_rather_than_what_is_small() -> None:
    units = [Unit(n, "core", seconds=float(n), size=1000 * n) for n in range(1, 9)]
    units += [Unit(99, "core", seconds=30.0, size=99_000, priority=-1)]

    assert order(units)[0] == 99
