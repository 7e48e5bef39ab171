"""Whole runs under the clock of the simulator."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from guild_plugins.engine.pipeline.core import Pipeline
from guild_plugins.engine.pipeline.progress import State
from guild_plugins.engine.pipeline.simulator import Simulation, World, bound
from guild_plugins.engine.pipeline.snapshot import snapshot
from guild_plugins.stages.runs import Unit
from tests.engine.pipeline.making import STAGES, chains, check, free_limits

ROUGH = World(
    latency=0.01,
    breaks=0.03,
    objects=0.05,
    loses=0.02,
    straggles=0.03,
    leaves=0.02,
    crashes=(3.0, 9.0),
)


@pytest.mark.parametrize("seed", range(24))
def test_nothing_is_lost_nothing_done_twice_and_bounds_are_kept(seed: int) -> None:
    units, truth = chains(12, seed)
    world = replace(ROUGH, seed=seed)
    simulation = Simulation(
        units, free_limits(5, queue=3), world, truth, lambda core, *_: check(core)
    )

    outcome = simulation.run()

    ends = simulation.pipeline.graph.units
    assert all(progress.has_ended for progress in ends.values())
    for id, progress in ends.items():
        if progress.unit.lasting:
            assert outcome.effects[id] == (progress.state is State.PASSED)


@pytest.mark.parametrize("seed", range(6))
def test_replay_gives_the_state_after_any_prefix(seed: int) -> None:
    units, truth = chains(6, seed)
    states: list[str] = []
    simulation = Simulation(
        units,
        free_limits(3),
        replace(ROUGH, seed=seed, crashes=()),
        truth,
        lambda core, *_: states.append(snapshot(core)),
    )

    outcome = simulation.run()

    again = Pipeline()
    for event, state in zip(outcome.events, states, strict=True):
        again.handle(event)
        assert snapshot(again) == state


@pytest.mark.parametrize(("scopes", "workers"), [(10, 10), (50, 20), (100, 20), (200, 20)])
def test_heavy_tailed_scopes_end_close_to_the_bound(scopes: int, workers: int) -> None:
    ratios = []
    for seed in range(5):
        units, truth = chains(scopes, seed)
        outcome = Simulation(units, free_limits(workers), World(seed=seed), truth).run()
        ratios.append(outcome.makespan / bound(units, truth, outcome.most_workers))

    assert sum(ratios) / len(ratios) <= 1.05


def test_scopes_that_go_on_by_themselves_beat_stages_with_barriers() -> None:
    units, truth = chains(50, seed=1)
    free = Simulation(units, free_limits(20), World(), truth).run()

    barred = Simulation(_with_barriers(units), free_limits(20), World(), truth).run()

    assert barred.makespan / free.makespan >= 1.4


def test_a_thousand_scopes_and_two_hundred_workers_take_seconds() -> None:
    begin = time.process_time()

    units, truth = chains(1000, seed=7, sigma=0.5)
    outcome = Simulation(units, free_limits(200), replace(ROUGH, seed=7), truth).run()

    assert time.process_time() - begin < 20
    assert outcome.end is not None
    assert outcome.end.is_complete
    assert outcome.most_workers >= 200
    assert len(units) == 5000


def test_a_bounded_queue_stays_bounded_where_the_consumer_is_slow() -> None:
    units, truth = chains(60, sigma=0.0)
    truth = {id: 5.0 if id.endswith("/gate") else 0.1 for id in truth}
    longest = 0

    def watch(core: Pipeline, *_: object) -> None:
        nonlocal longest
        longest = max(longest, core.ready.count("gate"))

    Simulation(units, free_limits(6, queue=4), World(), truth, watch).run()

    assert longest == 4


def _with_barriers(units: list[Unit]) -> list[Unit]:
    by_stage = {stage: tuple(u.id for u in units if u.stage == stage) for stage in STAGES}
    before = dict(zip(STAGES[1:], STAGES, strict=False))
    return sorted(
        (
            replace(unit, behind=by_stage[before[unit.stage]]) if unit.stage in before else unit
            for unit in units
        ),
        key=lambda unit: STAGES.index(unit.stage),
    )
