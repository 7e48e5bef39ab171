"""Whole suites under the clock of the simulator.

The bound is the larger of the longest file and the total divided by the workers,
where a file costs its tests and its collecting. The makespan counts collecting,
messages (about a millisecond each way, progress up to 50 ms late) and the time
in which workers wait; starting them is free here.
"""

from __future__ import annotations

import time
from collections import Counter
from math import ceil
from random import Random

import pytest

from guild_plugins.engine.messages import Event, Instruction, Unit
from guild_plugins.engine.scheduling import Scheduler
from guild_plugins.engine.simulator import File, Outcome, Simulation, World

FILES, SCOPES, WORKERS = 10_000, 200, 64
QUIET = World()
COLLECT = QUIET.collect
LONGEST_TEST = 10.0  # in means: longer files have more tests, not endless ones


class TimedScheduler(Scheduler):
    """Knows how long it thought."""

    thought = 0.0

    def handle(self, event: Event) -> list[Instruction]:
        start = time.process_time()
        try:
            return super().handle(event)
        finally:
            self.thought += time.process_time() - start


def suite(
    seed: int, *, sigma: float, scale: float = 1.0, is_known: bool, has_sizes: bool
) -> list[File]:
    """Return files with lognormal costs, and one in a hundred from a Pareto tail."""
    random = Random(seed)
    made = []
    for number in range(FILES):
        if random.random() < 0.01:
            seconds = scale * 10 * min(random.paretovariate(1.5), 20)
        else:
            seconds = scale * random.lognormvariate(0, sigma)
        count = max(int(random.expovariate(1 / 8)) + 1, ceil(seconds / LONGEST_TEST / scale))
        weights = [random.lognormvariate(0, 0.7) for _ in range(count)]
        size = int(3000 * (seconds / scale) ** 0.3 * random.lognormvariate(0, 0.8)) + 100
        unit = Unit(
            id=number,
            scope=f"s{random.randrange(SCOPES)}",
            seconds=seconds + COLLECT if is_known else None,
            size=size if has_sizes else 0,
        )
        made.append(File(unit, tuple(seconds * w / sum(weights) for w in weights)))
    return made


def simulate(files: list[File], limit: int, world: World = QUIET, **costs: float) -> Outcome:
    scheduler = Scheduler([file.unit for file in files], limit=limit, **costs)
    return Simulation(scheduler, files, world).run()


def ratio(files: list[File], seed: int) -> float:
    """Return the makespan in parts of the bound."""
    costs = [sum(file.tests) + COLLECT for file in files]
    outcome = simulate(files, WORKERS, World(seed=seed), startup=0.0)
    assert len(outcome.runs) == sum(len(file.tests) for file in files)
    return outcome.makespan / max(max(costs), sum(costs) / WORKERS)


def alike(count: int, tests: int, seconds: float, **unit: object) -> list[File]:
    """Return files of equal tests whose cost is known."""
    return [
        File(Unit(n, "core", seconds=tests * seconds, **unit), (seconds,) * tests)  # type: ignore[arg-type]
        for n in range(count)
    ]


# -- large suites ----------------------------------------------------------------


@pytest.mark.parametrize("sigma", [1.0, 1.5])
@pytest.mark.parametrize("scale", [1.0, 0.03], ids=["slow", "quick"])
@pytest.mark.parametrize("seed", [1, 2])
def test_known_durations_end_within_a_twentieth_of_the_bound(
    sigma: float, scale: float, seed: int
) -> None:
    files = suite(seed, sigma=sigma, scale=scale, is_known=True, has_sizes=True)

    assert ratio(files, seed) <= 1.05


@pytest.mark.parametrize("sigma", [1.0, 1.5])
@pytest.mark.parametrize("has_sizes", [True, False], ids=["sizes", "nothing"])
@pytest.mark.parametrize("seed", [1, 2])
def test_unknown_durations_end_within_a_quarter_of_the_bound(
    sigma: float, has_sizes: bool, seed: int
) -> None:
    files = suite(seed, sigma=sigma, is_known=False, has_sizes=has_sizes)

    assert ratio(files, seed) <= 1.25


def test_workers_stay_in_their_scopes() -> None:
    files = suite(3, sigma=1.0, is_known=True, has_sizes=True)
    outcome = simulate(files, WORKERS, startup=0.0)

    changes, scope_of = 0, {}
    for run in sorted(outcome.runs, key=lambda run: run.start):
        scope = files[run.unit].unit.scope
        changes += scope_of.get(run.worker) != scope
        scope_of[run.worker] = scope

    assert changes <= 3 * (SCOPES + WORKERS)


def test_thousands_of_files_take_the_core_little_time() -> None:
    files = suite(4, sigma=1.0, is_known=True, has_sizes=True)
    scheduler = TimedScheduler([file.unit for file in files], limit=WORKERS, startup=0.0)

    Simulation(scheduler, files, QUIET).run()

    assert scheduler.thought < 2.0  # 0.15 s on a quiet machine


def test_a_scope_for_every_file_costs_the_core_no_more() -> None:
    files = [File(Unit(n, f"s{n}", seconds=0.5 + n % 7), (0.5 + n % 7,)) for n in range(FILES)]
    scheduler = TimedScheduler([file.unit for file in files], limit=WORKERS, startup=0.0)

    Simulation(scheduler, files, QUIET).run()

    assert scheduler.thought < 2.0


def test_short_files_do_not_leave_workers_waiting() -> None:
    files = alike(2000, tests=2, seconds=0.005)

    outcome = simulate(files, 8, World(collect=0.002, latency=0.004), startup=0.0)

    assert outcome.makespan <= 1.1 * 2000 * 0.012 / 8


# -- small suites ----------------------------------------------------------------


def test_nothing_to_do_takes_no_time() -> None:
    outcome = simulate([], 4)

    assert outcome == Outcome()


def test_one_file_runs_in_one_worker() -> None:
    outcome = simulate(alike(1, tests=5, seconds=0.1), 4, World(boot=1.0))

    assert outcome.said == Counter(StartWorker=1, Assign=1, Release=1)
    assert outcome.makespan == pytest.approx(1.51, abs=0.02)


def test_more_workers_than_files_are_not_started() -> None:
    outcome = simulate(alike(3, tests=1, seconds=5.0, divisible=False), 16)

    assert outcome.said["StartWorker"] == 3


def test_a_giant_file_is_divided_among_the_workers() -> None:
    outcome = simulate(alike(1, tests=400, seconds=0.25), 4, World(collect=0.2))

    assert len(outcome.runs) == 400
    assert outcome.most_alive == 4
    assert outcome.makespan <= 1.1 * 100 / 4


def test_a_giant_file_that_nobody_knew_is_divided_when_the_rest_is_done() -> None:
    giant = File(Unit(0, "core", size=6000), (0.5,) * 200)
    small = [File(Unit(n, "core", size=6000), (0.05,) * 4) for n in range(1, 40)]

    outcome = simulate([giant, *small], 4)

    assert outcome.makespan <= 1.2 * (100 + 39 * 0.2) / 4


def test_four_pools_share_two_slots() -> None:
    files = [
        File(Unit(n, f"s{n % 3}", pool="abcd"[n % 4], seconds=0.2), (0.1, 0.1)) for n in range(40)
    ]

    outcome = simulate(files, 2, World(boot=0.5))

    assert len(outcome.runs) == 80
    assert outcome.most_alive == 2
    assert outcome.said["StartWorker"] == 4


def test_a_suite_outlives_a_worker_that_dies_in_every_twentieth_test() -> None:
    files = alike(60, tests=5, seconds=0.1)

    outcome = simulate(files, 4, World(seed=7, crash=0.05, boot=0.3))

    assert Counter((run.unit, run.test) for run in outcome.runs) == Counter(
        (n, test) for n in range(60) for test in range(5)
    )
    assert outcome.said["StartWorker"] > 4


def test_a_simulation_repeats_itself() -> None:
    files = alike(40, tests=6, seconds=0.2)
    world = World(seed=11, crash=0.02, refusal=0.3, bad_import=0.02)

    assert simulate(files, 4, world) == simulate(files, 4, world)


def test_everybody_waiting_is_an_error() -> None:
    class Deaf(Scheduler):
        def handle(self, event: Event) -> list[Instruction]:
            return []

    files = alike(1, tests=1, seconds=0.1)

    with pytest.raises(RuntimeError, match="everybody waits"):
        Simulation(Deaf([file.unit for file in files], limit=1), files, World()).run()
