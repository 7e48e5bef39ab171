"""The facts of runs, read back from a journal that several runs write to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from guild_plugins.coordination.errors import JournalDamaged
from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.place import place_in
from guild_plugins.coordination.runs import events_of, open_runs
from guild_plugins.engine.pipeline.core import WITHOUT_EFFECT, Pipeline, replay
from guild_plugins.engine.pipeline.simulator import Outcome, Simulation, World
from guild_plugins.engine.pipeline.snapshot import snapshot
from guild_plugins.stages.runs import RunEvent, UnitMeasured, UnitStarted
from tests.engine.pipeline.making import chains, free_limits

ROUGH = World(latency=0.01, breaks=0.05, objects=0.05, loses=0.03, leaves=0.03)


def simulated(seed: int, run: str, states: list[str]) -> list[RunEvent]:
    """Return the facts of a run, and the state after each of them."""
    units, truth = chains(5, seed)
    simulation = Simulation(
        units,
        free_limits(3, cores=64.0),
        replace(ROUGH, seed=seed),
        truth,
        lambda core, *_: states.append(snapshot(core)),
    )
    outcome: Outcome = simulation.run()
    return [replace(event, id=f"{run}-{event.id}", run=run) for event in outcome.events]


def test_the_journal_gives_a_runs_state_after_any_prefix_among_those_of_other_runs(
    tmp_path: Path,
) -> None:
    journal = Journal(place_in(tmp_path))
    states: dict[str, list[str]] = {"one": [], 'o"ne': []}
    runs = [simulated(seed, run, kept) for seed, (run, kept) in enumerate(states.items())]
    for pair in zip(*runs, strict=False):
        journal.append(*pair, durable=False)
    rest = min(map(len, runs))
    journal.append(*(event for run in runs for event in run[rest:]), durable=False)

    for run, wanted in states.items():
        pipeline = Pipeline()
        found = []
        for event in events_of(journal, run):
            pipeline.handle(event)
            found.append(snapshot(pipeline))
        assert found == wanted

    assert [each.run for each in open_runs(journal)] == list(states)


def test_facts_without_effect_are_not_needed_for_the_state(tmp_path: Path) -> None:
    journal = Journal(place_in(tmp_path))
    states: list[str] = []
    facts = simulated(3, "r", states)
    begun = UnitStarted(id="begun", at=1.0, run="r", unit="s0/research", attempt=1, worker="w1")
    journal.append(*facts[:5], begun, *facts[5:], durable=False)

    kept = list(events_of(journal, "r", without=WITHOUT_EFFECT))

    assert len(list(events_of(journal, "r"))) == len(kept) + 1 == len(facts) + 1
    assert snapshot(replay(kept)) == states[-1] == snapshot(replay(events_of(journal, "r")))


def test_a_fact_that_does_not_fit_its_kind_is_damage(tmp_path: Path) -> None:
    journal = Journal(place_in(tmp_path))
    wrong = UnitMeasured(id="e", at=1.0, run="r", unit="u", attempt=1, cpu=0.5, memory=True)
    journal.append(replace(wrong, memory="much"))  # type: ignore[arg-type]

    with pytest.raises(JournalDamaged):
        list(events_of(journal))
