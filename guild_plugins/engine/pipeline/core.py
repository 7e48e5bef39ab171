"""The pipeline: facts in, instructions out. No I/O, no clock, no chance.

The rules, in the order in which they are applied after each fact:

- A unit is ready when all that it needs has passed, and all that it only waits for
  has ended. One that failed tries again after a pause that doubles, and fails after
  so many tries. One that *objects* sends its scope back, so many rounds. What is
  built on a failed unit is left out; everything else goes on.
- A free worker takes the ready unit with the longest way to the end of the run. A
  share of the workers takes verification and joins first. A unit is passed over while
  its scope has as many workers as it may, while the stage after it has a full
  queue, or while the machine has no room (`demand`).
- A worker with nothing else to do begins a unit whose last inputs are still being
  made, or a second copy of a straggler.
- Workers are hired while something waits for one, up to what the shape of the work
  can use, and let go after standing idle. Where attempts are lost one after the
  other, everything is done one by one until one ends well.

Recovery is the same `Pipeline.handle` over the journal's facts. What is known of a
unit: `progress`; of what waits for what: `graph`; of who may start: `ready`; of
workers: `crew`; how many: `pool`; of all of it: `state`. What follows from a fact for
other units: `moves`; who starts next: `policy`. Here is what each fact means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heappop
from typing import Any, Final

from guild_plugins.engine.pipeline.crew import Crew
from guild_plugins.engine.pipeline.demand import Demand
from guild_plugins.engine.pipeline.instructions import (
    Instruction,
    Stop,
)
from guild_plugins.engine.pipeline.moves import (
    conclude,
    delay,
    end_job,
    learn,
    lose,
    send_back,
    settle_all,
    stop,
    welcome,
)
from guild_plugins.engine.pipeline.policy import decide
from guild_plugins.engine.pipeline.progress import Signal, State
from guild_plugins.engine.pipeline.state import Situation
from guild_plugins.stages.runs import (
    ClockTicked,
    RunCancelled,
    RunEnded,
    RunEvent,
    RunResumed,
    RunStarted,
    UnitFailed,
    UnitFinished,
    UnitLost,
    UnitMeasured,
    UnitStarted,
    WorkerJoined,
    WorkerLeft,
)


class NotStarted(Exception):
    """A fact came before the run began, or a second beginning; it is a bug."""


class Pipeline(Situation):
    """Applies facts to the state of one run."""

    def handle(self, event: RunEvent) -> list[Instruction]:
        """Apply one fact and return what to do next.

        What is told late, or twice, changes nothing.

        :raises UnitsIllegal: A fact brings units that cannot be done. Nothing has changed.
        :raises NotStarted: The run has not begun, or began before.
        """
        if self.has_begun is isinstance(event, RunStarted):
            raise NotStarted(event.id)
        if _REACTIONS[type(event)](self, event):
            settle_all(self)
            decide(self, event.at)
        said, self.said = self.said, []
        return said

    # -- facts: each says whether anything changed --------------------------------

    def _begin(self, event: RunStarted) -> bool:
        self.graph.add(event.units)
        self.has_begun = True
        self.limits = event.limits
        self.demand = Demand(event.limits)
        welcome(self, list(self.graph.units.values()))
        return True

    def _ignore(self, _: UnitStarted) -> bool:
        return False

    def _note(self, event: UnitMeasured) -> bool:
        job = self.crew.jobs.get((event.unit, event.attempt))
        if job is None:
            return False
        self.demand.correct(job.attempt, event.cpu, event.memory)
        self.demand.note(job.unit.stage, event.cpu, event.memory)
        is_wanted = bool(self.ready) and self.crew.size + self.crew.hiring < self.allowed
        return is_wanted or bool(self.crew.free)  # else nobody can begin anything

    def _finish(self, event: UnitFinished) -> bool:
        progress = self.graph.units.get(event.unit)
        is_wanted = progress is not None and event.attempt in progress.running
        added = self.graph.add(event.adds) if is_wanted and event.adds else []
        job = end_job(self, event.unit, event.attempt, event.at)
        if job is None:
            return False
        if progress is None or not is_wanted:
            return True  # it was stopped; only its worker counts
        del progress.running[event.attempt]
        self.setbacks = 0
        learn(self, job, event)
        stop(self, progress)
        if progress.doubts or progress.missing:
            progress.move(Signal.GUESSED)
        else:
            conclude(self, progress, Signal.FINISHED)
        if added:
            welcome(self, added)
        return True

    def _fail(self, event: UnitFailed) -> bool:
        job = end_job(self, event.unit, event.attempt, event.at)
        if job is None:
            return False
        progress = self.graph.units[event.unit]
        if progress.running.pop(event.attempt, None) is None or progress.running:
            return True  # it was stopped, or its copy goes on
        learn(self, job, event)
        progress.reason = event.reason
        if event.kind == "objected":
            send_back(self, progress)
        else:
            progress.tripped += 1
            if event.kind == "refused" or progress.tripped >= progress.unit.tries:
                conclude(self, progress, Signal.FELL)
            else:
                delay(self, progress, event)
        return True

    def _lose(self, event: UnitLost) -> bool:
        job = end_job(self, event.unit, event.attempt, event.at)
        if job is None:
            return False
        lose(self, job, event.reason)
        return True

    def _join(self, event: WorkerJoined) -> bool:
        self.crew.join(event.worker, event.at)
        return True

    def _leave(self, event: WorkerLeft) -> bool:
        job = self.crew.leave(event.worker)
        if job is not None:
            self.demand.give(job.attempt)
            self.ready.unpark(job.unit.scope)
            lose(self, job, event.reason)
        return True

    def _tick(self, event: ClockTicked) -> bool:
        if self.wake is not None and event.at >= self.wake:
            self.wake = None
        while self.delayed and self.delayed[0][0] <= event.at:
            due, id = heappop(self.delayed)
            progress = self.graph.units[id]
            if progress.state is State.DELAYED and progress.due == due:
                progress.move(Signal.DUE)
                self.changed.append(progress)
        return True

    def _cancel(self, _: RunCancelled) -> bool:
        self.is_cancelled = True
        for progress in self.graph.units.values():
            for number in progress.running:
                self.said.append(Stop(progress.unit.id, number))
        return True

    def _resume(self, event: RunResumed) -> bool:
        self.is_cancelled = self.has_ended = False
        self.wake = None
        for job in list(self.crew.jobs.values()):
            self.crew.end(job.unit.id, job.attempt.number, event.at)
            self.demand.give(job.attempt)
            self.ready.unpark(job.unit.scope)
            progress = self.graph.units[job.unit.id]
            if progress.running.pop(job.attempt.number, None) is not None and not progress.running:
                progress.move(Signal.LOST)
                self.changed.append(progress)
        self.crew = Crew()
        return True

    def _close(self, _: RunEnded) -> bool:
        self.has_ended = True
        return False


_REACTIONS: Final[dict[type[RunEvent], Callable[[Pipeline, Any], bool]]] = {
    RunStarted: Pipeline._begin,
    UnitStarted: Pipeline._ignore,
    UnitMeasured: Pipeline._note,
    UnitFinished: Pipeline._finish,
    UnitFailed: Pipeline._fail,
    UnitLost: Pipeline._lose,
    WorkerJoined: Pipeline._join,
    WorkerLeft: Pipeline._leave,
    ClockTicked: Pipeline._tick,
    RunCancelled: Pipeline._cancel,
    RunResumed: Pipeline._resume,
    RunEnded: Pipeline._close,
}

WITHOUT_EFFECT: Final = tuple(k for k, react in _REACTIONS.items() if react is Pipeline._ignore)
"""Facts that are kept for people and plugins: replaying without them gives the same state."""


def replay(events: Iterable[RunEvent]) -> Pipeline:
    """Return the state that facts give; what they asked for was asked for then."""
    pipeline = Pipeline()
    for event in events:
        pipeline.handle(event)
    return pipeline
