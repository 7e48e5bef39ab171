from __future__ import annotations

import pytest

from guild_plugins.engine.messages import StartWorker, Unit
from guild_plugins.engine.scheduling import Scheduler
from guild_plugins.engine.sizing import deserves_worker, expected_seconds, parts


def started(units: list[Unit], *, limit: int) -> list[str]:
    """Return the pools of the workers that are started first."""
    instructions = Scheduler(units, limit=limit).begin(0.0)
    return [i.pool for i in instructions if isinstance(i, StartWorker)]


def test_known_seconds_are_taken_as_they_are() -> None:
    units = [Unit(1, "core", seconds=3.0, size=10)]

    expected = expected_seconds(units)

    assert expected == {1: 3.0}


def test_an_unknown_unit_costs_what_its_size_costs_elsewhere() -> None:
    units = [
        Unit(1, "core", seconds=1.0, size=1000),
        Unit(2, "core", seconds=2.0, size=1000),
        Unit(3, "core", seconds=90.0, size=1000),
        Unit(4, "core", size=500),
    ]

    expected = expected_seconds(units)

    assert expected[4] == pytest.approx(1.0)


def test_without_history_the_prior_speaks() -> None:
    units = [Unit(1, "core", size=40_000), Unit(2, "core", size=0)]

    expected = expected_seconds(units)

    assert expected == {1: pytest.approx(1.0), 2: 0.001}


def test_without_history_and_sizes_all_units_are_equal() -> None:
    units = [Unit(1, "core"), Unit(2, "core")]

    expected = expected_seconds(units)

    assert expected[1] == expected[2] > 0.0


def test_an_estimate_does_not_divide_a_unit_among_workers() -> None:
    known, guessed = Unit(1, "core", seconds=20.0), Unit(2, "core", size=800_000)

    assert parts(known, 20.0, least=2.0) == 10
    assert parts(guessed, 20.0, least=2.0) == 1


def test_a_worker_must_take_over_more_than_its_start_costs() -> None:
    assert deserves_worker(8.0, 3, startup=2.0)
    assert not deserves_worker(8.0, 4, startup=2.0)


def test_a_worker_saves_nothing_beside_one_long_indivisible_unit() -> None:
    assert not deserves_worker(100.0, 2, startup=1.0, floor=60.0)


def test_no_units_need_no_worker() -> None:
    scheduler = Scheduler([], limit=4)

    instructions = scheduler.begin(0.0)

    assert instructions == []
    assert scheduler.is_finished


def test_a_tiny_suite_gets_one_worker() -> None:
    units = [Unit(n, "core", seconds=0.05) for n in range(20)]

    assert started(units, limit=8) == [""]


def test_a_tiny_unknown_suite_gets_one_worker() -> None:
    units = [Unit(n, "core", size=8_000) for n in range(3)]

    assert started(units, limit=8) == [""]


def test_an_ordinary_unknown_suite_gets_the_workers_that_were_asked_for() -> None:
    units = [Unit(n, "core", size=6_000) for n in range(100)]

    assert len(started(units, limit=8)) == 8


def test_no_worker_is_started_that_would_have_nothing_to_do() -> None:
    units = [Unit(n, "core", size=900_000) for n in range(3)]

    assert len(started(units, limit=8)) == 3


def test_a_long_divisible_unit_gets_several_workers() -> None:
    whole = [Unit(1, "core", seconds=60.0, divisible=False)]
    divisible = [Unit(1, "core", seconds=60.0)]

    assert len(started(whole, limit=4)) == 1
    assert len(started(divisible, limit=4)) == 4


def test_pools_with_most_work_come_first_when_slots_are_few() -> None:
    units = [
        Unit(1, "core", pool="a", seconds=2.0),
        Unit(2, "core", pool="b", seconds=30.0),
        Unit(3, "core", pool="c", seconds=9.0),
    ]

    assert started(units, limit=2) == ["b", "c"]


def test_each_pool_gets_a_worker_before_any_gets_two() -> None:
    units = [Unit(n, "core", pool="a", seconds=50.0) for n in range(9)]
    units += [Unit(100, "core", pool="b", seconds=0.1)]

    assert sorted(started(units, limit=4)) == ["a", "a", "a", "b"]
