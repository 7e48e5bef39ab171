"""Units and facts for tests of the pipeline, and what must hold after every fact."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from guild_plugins.engine.pipeline.core import Pipeline
from guild_plugins.engine.pipeline.instructions import Instruction, Start
from guild_plugins.engine.pipeline.progress import State
from guild_plugins.engine.pipeline.simulator import CROWD
from guild_plugins.stages.runs import (
    ClockTicked,
    Limits,
    RunEvent,
    RunStarted,
    Unit,
    UnitFailed,
    UnitFinished,
    WorkerJoined,
)

STAGES = ("research", "implement", "gate", "test", "land")


def free_limits(workers: int, **others: Any) -> Limits:
    """Return limits that the machine does not set."""
    return Limits(**{"least": workers, "most": workers, "cores": CROWD, "memory": CROWD, **others})


def chains(
    scopes: int, seed: int = 0, *, sigma: float = 1.0, noise: float = 0.3
) -> tuple[list[Unit], dict[str, float]]:
    """Return five stages of scopes with lognormal costs, and what they really take."""
    random, units, truth = Random(seed), list[Unit](), dict[str, float]()
    for number in range(scopes):
        before: tuple[str, ...] = ()
        for stage in STAGES:
            id = f"s{number}/{stage}"
            truth[id] = random.lognormvariate(0, sigma)
            unit = Unit(
                id=id,
                stage=stage,
                scope=f"s{number}",
                after=before,
                hopes=before if stage == "test" else (),
                seconds=truth[id] * random.lognormvariate(0, noise),
                memory=0,
                cpu=0.0,
                sends_back=f"s{number}/implement" if stage in ("gate", "test") else None,
                common=stage in ("gate", "test"),
                repeatable=stage in ("research", "test"),
                lasting=stage == "land",
            )
            units.append(unit)
            before = (id,)
    return units, truth


class Desk:
    """A pipeline that is told things, in few words."""

    def __init__(self, *units: Unit, limits: Limits | None = None, workers: int = 1) -> None:
        self.pipeline = Pipeline()
        self.at = 0.0
        self.told = 0
        self.limits = limits or free_limits(workers)
        self.said: list[Instruction] = self.tell(
            RunStarted,
            task="",
            name="",
            base="",
            command=(),
            limits=self.limits,
            units=units,
        )
        for number in range(workers):
            self.said += self.tell(WorkerJoined, worker=f"w{number}")

    def tell(self, fact: type[RunEvent], /, **fields: Any) -> list[Instruction]:
        self.told += 1
        return self.pipeline.handle(fact(id=f"e{self.told}", at=self.at, run="r", **fields))

    def finish(self, unit: str, attempt: int = 1, **fields: Any) -> list[Instruction]:
        return self.tell(UnitFinished, unit=unit, attempt=attempt, **fields)

    def fail(
        self, unit: str, attempt: int = 1, kind: str = "broke", chance: float = 0.5
    ) -> list[Instruction]:
        return self.tell(
            UnitFailed, unit=unit, attempt=attempt, kind=kind, reason="no", chance=chance
        )

    def wait(self, seconds: float) -> list[Instruction]:
        self.at += seconds
        return self.tell(ClockTicked)

    def state(self, unit: str) -> State:
        return self.pipeline.graph.units[unit].state


def started(said: Sequence[Instruction]) -> list[str]:
    """Return the units that are to begin."""
    return [each.unit.id for each in said if isinstance(each, Start)]


def check(pipeline: Pipeline) -> None:
    """Check what must hold after every fact."""
    crew, limits, units = pipeline.crew, pipeline.limits, pipeline.graph.units
    assert crew.size + crew.hiring <= max(limits.most, 1)
    assert not set(crew.free) & {job.attempt.worker for job in crew.jobs.values()}
    assert len({job.attempt.worker for job in crew.jobs.values()}) == len(crew.jobs)
    running = [(id, n) for id, progress in units.items() for n in progress.running]
    assert set(running) <= set(crew.jobs), "a unit runs, and nobody does it"
    for progress in units.values():
        assert bool(progress.running) == (progress.state is State.RUNNING), progress
        if progress.state in (State.READY, State.PASSED):
            assert not progress.missing
            assert not progress.doubts
    ready = sum(progress.state is State.READY for progress in units.values())
    assert ready == len(pipeline.ready)
    for stage in {s for following in pipeline.graph.feeds.values() for s in following}:
        assert pipeline.ready.count(stage) <= limits.queue + limits.most
    assert pipeline.demand.memory <= limits.memory or len(crew.jobs) == 1
