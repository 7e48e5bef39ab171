"""The pipeline among simulated workers: hours of work in a second, faults included.

Everything follows from the seed. Facts take time to be told (``latency``), and a
worker that was stopped says so a moment later, like a real one. The makespan runs
from the beginning until the last unit has ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush
from random import Random
from typing import Final, Literal, TypedDict

from guild_plugins.engine.pipeline.core import Pipeline
from guild_plugins.engine.pipeline.instructions import Dismiss, End, Hire, Instruction, Start, Stop
from guild_plugins.stages.runs import (
    ClockTicked,
    Limits,
    RunEvent,
    RunResumed,
    RunStarted,
    Unit,
    UnitFailed,
    UnitFinished,
    UnitLost,
    WorkerJoined,
    WorkerLeft,
)

RUN: Final = "simulated"
CROWD: Final = 1 << 50
"""Cores and bytes that are no limit."""


@dataclass(frozen=True, slots=True)
class World:
    """How long things take, and how often they go wrong (probabilities for each attempt).

    :param latency: Seconds until a fact is known, and until an instruction is followed.
    :param objects: How often a unit that sends back does so.
    :param straggles: How often an attempt takes ten times as long.
    :param leaves: How often a worker leaves in the middle of an attempt.
    :param crashes: When the coordinator dies and is started again, forgetting all but
        the facts.
    """

    seed: int = 0
    latency: float = 0.0
    breaks: float = 0.0
    objects: float = 0.0
    loses: float = 0.0
    straggles: float = 0.0
    leaves: float = 0.0
    crashes: tuple[float, ...] = ()


@dataclass(slots=True)
class Outcome:
    """What happened."""

    makespan: float = 0.0
    effects: Counter[str] = field(default_factory=Counter)
    """How often each unit passed."""
    events: list[RunEvent] = field(default_factory=list)
    busy: float = 0.0
    """Seconds that workers spent on attempts, wanted or not."""
    most_workers: int = 0
    end: End | None = None


Watch = Callable[[Pipeline, RunEvent, Sequence[Instruction]], None]


class Simulation:
    """Workers, a clock, and the pipeline between them.

    :param truth: What units really take, by id; those that are missing take what they expect.
    :param watch: Called after each fact.
    """

    def __init__(
        self,
        units: Sequence[Unit],
        limits: Limits,
        world: World,
        truth: Mapping[str, float] | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.units, self.limits, self.world = units, limits, world
        self.pipeline = Pipeline()
        self.outcome = Outcome()
        self.now = 0.0
        self._truth = truth or {}
        self._watch = watch
        self._random = Random(world.seed)  # noqa: S311 (a simulation, not a secret)
        self._agenda: list[tuple[float, int, int, Callable[[], None]]] = []
        self._entries = self._hired = self._life = 0
        self._workers: set[str] = set()
        self._stopped: set[tuple[str, int]] = set()

    def run(self) -> Outcome:
        """Run until nothing is left to happen.

        :raises RuntimeError: Units are left, and everybody waits.
        """
        begin = RunStarted(
            **self._head(),
            task="",
            name="",
            base="",
            command=(),
            limits=self.limits,
            units=tuple(self.units),
        )
        for moment in self.world.crashes:
            self._at(moment, self._crash, lives=-1)
        self.tell(begin)
        while self._agenda and self.outcome.end is None:
            self.now, _, life, action = heappop(self._agenda)
            if life in (-1, self._life):
                action()
        if self.outcome.end is None:
            raise RuntimeError(f"everybody waits at {self.now:.3f} s")
        self.outcome.makespan = self.now
        return self.outcome

    def tell(self, event: RunEvent) -> None:
        """Hand a fact to the pipeline, and follow what it asks for."""
        if isinstance(event, UnitFinished):
            progress = self.pipeline.graph.units[event.unit]
            self.outcome.effects[event.unit] += event.attempt in progress.running
        self.outcome.events.append(event)
        said = self.pipeline.handle(event)
        if self._watch is not None:
            self._watch(self.pipeline, event, said)
        for instruction in said:
            self._follow(instruction)

    def _follow(self, instruction: Instruction) -> None:
        match instruction:
            case Start():
                self._start(instruction)
            case Stop(unit, attempt):
                self._stopped.add((unit, attempt))
                self._tell_at(
                    self.now + self.world.latency,
                    partial(UnitLost, unit=unit, attempt=attempt, reason="stopped"),
                )
            case Hire(count):
                for _ in range(count):
                    self._join()
            case Dismiss(worker):
                self._workers.discard(worker)
            case End():
                self.outcome.end = instruction
            case _:
                self._at(instruction.at, partial(self._tell_now, ClockTicked))

    def _join(self) -> None:
        self._hired += 1
        name = f"w{self._hired}"
        self._workers.add(name)
        self.outcome.most_workers = max(self.outcome.most_workers, len(self._workers))
        self._tell_at(self.now + self.world.latency, partial(WorkerJoined, worker=name))

    def _start(self, start: Start) -> None:
        world, random, unit = self.world, self._random, start.unit
        seconds = self._truth.get(unit.id, unit.seconds)
        if random.random() < world.straggles:
            seconds *= 10
        id, number = unit.id, start.attempt
        begin = self.now + world.latency
        end = begin + seconds
        self.outcome.busy += seconds
        tell = partial(self._tell_at, unless=(id, number))
        if random.random() < world.leaves:
            left = partial(WorkerLeft, worker=start.worker, reason="it left")
            tell(begin + seconds * random.random(), left)
        elif random.random() < world.loses:
            lost = partial(UnitLost, unit=id, attempt=number, reason="lost")
            tell(begin + seconds * random.random(), lost)
        elif unit.sends_back is not None and random.random() < world.objects:
            tell(end, self._failed("objected", id, number))
        elif random.random() < world.breaks:
            tell(end, self._failed("broke", id, number))
        else:
            tell(end + world.latency, partial(UnitFinished, unit=id, attempt=number))

    def _failed(
        self, kind: Literal["objected", "broke"], unit: str, attempt: int
    ) -> Callable[..., RunEvent]:
        chance = self._random.random()
        return partial(
            UnitFailed, unit=unit, attempt=attempt, kind=kind, reason=kind, chance=chance
        )

    def _crash(self) -> None:
        """Forget everything but the facts, and go on from these."""
        self._life += 1
        self._workers.clear()
        self._stopped.clear()
        self.pipeline = Pipeline()
        for event in self.outcome.events:
            self.pipeline.handle(event)
        self.tell(RunResumed(**self._head()))

    def _tell_at(
        self, time: float, event: Callable[..., RunEvent], unless: tuple[str, int] | None = None
    ) -> None:
        def tell() -> None:
            if unless is None or unless not in self._stopped:
                self._tell_now(event)

        self._at(time, tell)

    def _tell_now(self, event: Callable[..., RunEvent]) -> None:
        fact = event(**self._head())
        if isinstance(fact, WorkerLeft):
            self._workers.discard(fact.worker)
        self.tell(fact)

    def _at(self, time: float, action: Callable[[], None], lives: int | None = None) -> None:
        self._entries += 1
        life = self._life if lives is None else lives
        heappush(self._agenda, (time, self._entries, life, action))

    def _head(self) -> _Head:
        return {"id": f"e{len(self.outcome.events)}", "at": self.now, "run": RUN}


class _Head(TypedDict):
    id: str
    at: float
    run: str


def bound(units: Iterable[Unit], truth: Mapping[str, float], workers: int) -> float:
    """Return the time that no schedule can beat: the longest chain, or all work shared out."""
    ends: dict[str, float] = {}
    work = 0.0
    for unit in units:  # each comes after what it waits for
        seconds = truth.get(unit.id, unit.seconds)
        work += seconds
        begin = max((ends[id] for id in (*unit.after, *unit.behind)), default=0.0)
        ends[unit.id] = begin + seconds
    return max(max(ends.values()), work / workers)
