from __future__ import annotations

from guild_plugins.engine.messages import StartWorker, Unit, WorkerReady, WorkersSampled
from guild_plugins.engine.scheduling import Scheduler
from guild_plugins.engine.width import LEAST_SAMPLES, MOST_SAMPLES, Width


def test_workers_that_compute_get_a_core_each() -> None:
    width = Width(limit=8, cores=2)

    width.note(busy=100, runnable=98)

    assert width.workers == 2


def test_workers_that_sleep_leave_their_cores_to_more() -> None:
    width = Width(limit=16, cores=2)

    width.note(busy=100, runnable=25)

    assert width.workers == 8


def test_the_limit_holds_however_much_they_sleep() -> None:
    width = Width(limit=6, cores=2)

    width.note(busy=100, runnable=0)

    assert width.workers == 6


def test_a_few_looks_decide_nothing() -> None:
    width = Width(limit=8, cores=2)

    width.note(busy=LEAST_SAMPLES - 1, runnable=0)

    assert width.workers == 2


def test_what_an_earlier_run_showed_counts_from_the_start() -> None:
    assert Width(limit=8, cores=2, share=0.5).workers == 4


def test_the_newest_looks_outweigh_the_oldest() -> None:
    width = Width(limit=8, cores=2)

    width.note(busy=MOST_SAMPLES, runnable=MOST_SAMPLES)
    for _ in range(10):
        width.note(busy=MOST_SAMPLES, runnable=0)

    assert width.workers == 8


def test_where_cores_abound_all_workers_start_at_once() -> None:
    assert Width(limit=3, cores=64).workers == 3


def test_the_scheduler_starts_more_workers_when_those_it_has_sleep() -> None:
    units = [Unit(n, "core", seconds=5.0) for n in range(40)]
    scheduler = Scheduler(units, limit=4, cores=2, startup=0.1)

    first = scheduler.begin(0.0)
    for name in ("a", "b"):
        scheduler.handle(WorkerReady(name, "", 0.0))
    computing = scheduler.handle(WorkersSampled(LEAST_SAMPLES, LEAST_SAMPLES, 1.0))
    sleeping = scheduler.handle(WorkersSampled(10 * LEAST_SAMPLES, 0, 2.0))

    assert first == [StartWorker(""), StartWorker("")]
    assert computing == []
    assert sleeping == [StartWorker(""), StartWorker("")]
