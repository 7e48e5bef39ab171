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
workers: `crew`; how many: `pool`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import heappop, heappush
from typing import Any, Final

from guild_plugins.engine.pipeline.crew import Crew, Job
from guild_plugins.engine.pipeline.demand import Demand
from guild_plugins.engine.pipeline.graph import Graph
from guild_plugins.engine.pipeline.instructions import (
    Dismiss,
    End,
    Hire,
    Instruction,
    Start,
    Stop,
    Wake,
)
from guild_plugins.engine.pipeline.pool import useful_workers
from guild_plugins.engine.pipeline.progress import Attempt, Progress, Signal, State
from guild_plugins.engine.pipeline.ready import Ready
from guild_plugins.stages.runs import (
    ClockTicked,
    Limits,
    RunCancelled,
    RunEnded,
    RunEvent,
    RunResumed,
    RunStarted,
    Unit,
    UnitFailed,
    UnitFinished,
    UnitLost,
    UnitMeasured,
    UnitStarted,
    WorkerJoined,
    WorkerLeft,
)

MOST_LOST: Final = 5
"""Attempts of one unit that may be lost: then it is taken for the reason."""

SETBACKS: Final = 5
"""Attempts lost one after the other, after which everything is done one by one."""

_GUESSABLE: Final = (State.RUNNING, State.HELD, State.PASSED)


class NotStarted(Exception):
    """A fact came before the run began, or a second beginning; it is a bug."""


class Pipeline:
    """The state of one run."""

    def __init__(self) -> None:
        self.graph = Graph()
        self.crew = Crew()
        self.ready = Ready()
        self.limits = Limits(least=1, most=1, cores=1.0)
        self.demand = Demand(self.limits)
        self.useful = 1
        self.is_cancelled = False
        self.has_ended = False
        self._has_begun = False
        self._left = 0
        self._setbacks = 0
        self._hopeful: dict[str, Progress] = {}
        self._delayed: list[tuple[float, str]] = []
        self._ended: deque[Progress] = deque()
        self._changed: deque[Progress] = deque()
        self._paces: dict[str, float] = {}
        self._wake: float | None = None
        self._said: list[Instruction] = []

    def handle(self, event: RunEvent) -> list[Instruction]:
        """Apply one fact and return what to do next.

        What is told late, or twice, changes nothing.

        :raises UnitsIllegal: A fact brings units that cannot be done. Nothing has changed.
        :raises NotStarted: The run has not begun, or began before.
        """
        if self._has_begun is isinstance(event, RunStarted):
            raise NotStarted(event.id)
        if _REACTIONS[type(event)](self, event):
            self._settle_all()
            self._decide(event.at)
        said, self._said = self._said, []
        return said

    def states(self) -> Counter[State]:
        """Return how many units are in each state."""
        return Counter(progress.state for progress in self.graph.units.values())

    def as_data(self) -> dict[str, object]:
        """Return what no other part has of the state, as plain data."""
        return {
            "left": self._left,
            "setbacks": self._setbacks,
            "hopeful": list(self._hopeful),
            "delayed": sorted(self._delayed),
            "paces": self._paces,
            "wake": self._wake,
        }

    # -- facts: each says whether anything changed --------------------------------

    def _begin(self, event: RunStarted) -> bool:
        self.graph.add(event.units)
        self._has_begun = True
        self.limits = event.limits
        self.demand = Demand(event.limits)
        self._welcome(list(self.graph.units.values()))
        return True

    def _ignore(self, _: UnitStarted) -> bool:
        return False

    def _note(self, event: UnitMeasured) -> bool:
        job = self.crew.jobs.get((event.unit, event.attempt))
        if job is None:
            return False
        self.demand.correct(job.attempt, event.cpu, event.memory)
        self.demand.note(job.unit.stage, event.cpu, event.memory)
        return True

    def _finish(self, event: UnitFinished) -> bool:
        progress = self.graph.units.get(event.unit)
        is_wanted = progress is not None and event.attempt in progress.running
        added = self.graph.add(event.adds) if is_wanted and event.adds else []
        job = self._end_job(event.unit, event.attempt, event.at)
        if job is None:
            return False
        if progress is None or not is_wanted:
            return True  # it was stopped; only its worker counts
        del progress.running[event.attempt]
        self._setbacks = 0
        self._learn(job, event)
        self._stop(progress)
        if progress.doubts or progress.missing:
            progress.move(Signal.GUESSED)
        else:
            self._conclude(progress, Signal.FINISHED)
        if added:
            self._welcome(added)
        return True

    def _fail(self, event: UnitFailed) -> bool:
        job = self._end_job(event.unit, event.attempt, event.at)
        if job is None:
            return False
        progress = self.graph.units[event.unit]
        if progress.running.pop(event.attempt, None) is None or progress.running:
            return True  # it was stopped, or its copy goes on
        self._learn(job, event)
        progress.reason = event.reason
        if event.kind == "objected":
            self._object(progress)
        else:
            progress.tripped += 1
            if event.kind == "refused" or progress.tripped >= progress.unit.tries:
                self._conclude(progress, Signal.FELL)
            else:
                self._delay(progress, event)
        return True

    def _lose(self, event: UnitLost) -> bool:
        job = self._end_job(event.unit, event.attempt, event.at)
        if job is None:
            return False
        self._lost(job, event.reason)
        return True

    def _join(self, event: WorkerJoined) -> bool:
        self.crew.join(event.worker, event.at)
        return True

    def _leave(self, event: WorkerLeft) -> bool:
        job = self.crew.leave(event.worker)
        if job is not None:
            self.demand.give(job.attempt)
            self.ready.unpark(job.unit.scope)
            self._lost(job, event.reason)
        return True

    def _tick(self, event: ClockTicked) -> bool:
        if self._wake is not None and event.at >= self._wake:
            self._wake = None
        while self._delayed and self._delayed[0][0] <= event.at:
            due, id = heappop(self._delayed)
            progress = self.graph.units[id]
            if progress.state is State.DELAYED and progress.due == due:
                progress.move(Signal.DUE)
                self._changed.append(progress)
        return True

    def _cancel(self, _: RunCancelled) -> bool:
        self.is_cancelled = True
        for progress in self.graph.units.values():
            for number in progress.running:
                self._said.append(Stop(progress.unit.id, number))
        return True

    def _resume(self, event: RunResumed) -> bool:
        self.is_cancelled = self.has_ended = False
        self._wake = None
        for job in list(self.crew.jobs.values()):
            self.crew.end(job.unit.id, job.attempt.number, event.at)
            self.demand.give(job.attempt)
            self.ready.unpark(job.unit.scope)
            progress = self.graph.units[job.unit.id]
            if progress.running.pop(job.attempt.number, None) is not None and not progress.running:
                progress.move(Signal.LOST)
                self._changed.append(progress)
        self.crew = Crew()
        return True

    def _close(self, _: RunEnded) -> bool:
        self.has_ended = True
        return False

    # -- units ---------------------------------------------------------------------

    def _welcome(self, added: Sequence[Progress]) -> None:
        self._left += len(added)
        self._changed.extend(added)
        open = [p for p in self.graph.units.values() if not p.has_ended]
        work = sum(progress.unit.seconds for progress in open)
        longest = max((progress.rank for progress in open), default=0.0)
        self.useful = useful_workers(work, longest)

    def _conclude(self, progress: Progress, signal: Signal) -> None:
        """Bring a unit to its end; those that wait for it are told when all is settled."""
        progress.move(signal)
        self._left -= 1
        self._ended.append(progress)

    def _tell(self, ended: Progress) -> None:
        """Tell those that wait for a unit that it has ended."""
        id = ended.unit.id
        for other in self.graph.needed_by(id):
            if ended.state is not State.PASSED:
                self._cut_off(other)
            elif id in other.unit.hopes:
                other.doubts -= 1
            else:
                other.missing -= 1
            self._changed.append(other)
        for other in self.graph.followed_by(id):
            other.behind -= 1
            self._changed.append(other)

    def _cut_off(self, progress: Progress) -> None:
        if progress.has_ended:
            return
        if progress.state is State.READY:
            self.ready.remove(progress)
        self._stop(progress)
        progress.reason = progress.reason or "an input failed"
        self._conclude(progress, Signal.CUT_OFF)

    def _object(self, progress: Progress) -> None:
        target = progress.unit.sends_back
        goal = self.graph.units.get(target) if target is not None else None
        if goal is None or goal.rounds + 1 >= goal.unit.tries:
            self._conclude(progress, Signal.FELL)
            return
        goal.rounds += 1
        again = self.graph.from_here(goal.unit.id)
        for each in again:
            self._repeat(each)
        for each in again:
            self.graph.recount(each)
            self._changed.append(each)
            for other in self.graph.followed_by(each.unit.id):
                self.graph.recount(other)
                self._changed.append(other)

    def _repeat(self, progress: Progress) -> None:
        if progress.state is State.WAITING:
            return
        if progress.state is State.READY:
            self.ready.remove(progress)
        self._stop(progress)
        self._left += progress.has_ended
        progress.move(Signal.REPEATED)
        progress.tripped, progress.due = 0, 0.0

    def _delay(self, progress: Progress, event: UnitFailed) -> None:
        pause = min(
            self.limits.pause * 2.0 ** (progress.tripped - 1) * (0.5 + event.chance),
            self.limits.longest_pause,
        )
        progress.move(Signal.TRIPPED)
        progress.due = event.at + pause
        heappush(self._delayed, (progress.due, progress.unit.id))

    def _lost(self, job: Job, reason: str) -> None:
        progress = self.graph.units[job.unit.id]
        if progress.running.pop(job.attempt.number, None) is None or progress.running:
            return
        if self.is_cancelled:
            progress.move(Signal.LOST)
            self._changed.append(progress)
            return
        self._setbacks += 1
        progress.lost += 1
        progress.reason = reason
        if progress.lost >= MOST_LOST:
            self._conclude(progress, Signal.FELL)
        else:
            progress.move(Signal.LOST)
            self._changed.append(progress)

    def _stop(self, progress: Progress) -> None:
        for number in progress.running:
            self._said.append(Stop(progress.unit.id, number))
        progress.running.clear()

    def _settle_all(self) -> None:
        """Move on all units whose inputs changed, and those that these move on."""
        while self._ended or self._changed:
            if self._ended:
                self._tell(self._ended.popleft())
            else:
                self._settle(self._changed.popleft())

    def _settle(self, progress: Progress) -> None:
        is_free = not (progress.missing or progress.doubts or progress.behind)
        if progress.state is State.WAITING and is_free:
            progress.move(Signal.FREED)
            self.ready.add(progress)
        elif progress.state is State.READY and not is_free:
            self.ready.remove(progress)
            progress.move(Signal.STARVED)
        elif progress.state is State.HELD and is_free:
            self._conclude(progress, Signal.FREED)

    # -- workers -------------------------------------------------------------------

    def _end_job(self, unit: str, attempt: int, at: float) -> Job | None:
        job = self.crew.end(unit, attempt, at)
        if job is not None:
            self.demand.give(job.attempt)
            self.ready.unpark(job.unit.scope)
        return job

    def _learn(self, job: Job, event: UnitFinished | UnitFailed) -> None:
        took = max(event.at - job.attempt.since, 1e-6)
        stage = job.unit.stage
        pace = took / max(job.unit.seconds, 1e-6)
        old = self._paces.get(stage, pace)
        self._paces[stage] = round(old + 0.3 * (pace - old), 6)
        if event.cpu is not None and event.memory is not None:
            self.demand.note(stage, event.cpu / took, event.memory)

    def _decide(self, at: float) -> None:
        if not self.is_cancelled:
            while self.crew.free and (progress := self._next()) is not None:
                self._start(progress, at)
            if self.crew.free:
                self._speculate(at)
            self._staff(at)
        if not self.crew.jobs and (self.is_cancelled or not self._left) and not self.has_ended:
            self.has_ended = True
            states = self.states()
            self._said.append(
                End(
                    passed=states[State.PASSED],
                    failed=states[State.FAILED],
                    left_out=states[State.LEFT_OUT],
                    is_complete=not self._left,
                )
            )
        elif not self.has_ended:
            self._wish(at)

    def _next(self) -> Progress | None:
        """Return the unit that a free worker shall begin."""
        if self.crew.is_alone or (self.is_sequential and self.crew.jobs):
            return None
        best = common = None
        for progress in self._tops():
            if progress.unit.alone and self.crew.jobs:
                if best is None or progress.rank > best.rank:
                    best = progress
                continue
            if not self._may_start(progress.unit):
                continue
            if best is None or progress.rank > best.rank:
                best = progress
            if progress.unit.common and (common is None or progress.rank > common.rank):
                common = progress
        if best is None or (best.unit.alone and self.crew.jobs):
            return None  # nothing, or everything ends first
        owed = self.crew.common < self.limits.share * self.crew.size
        return common if common is not None and owed else best

    def _tops(self) -> Iterator[Progress]:
        """Yield the first unit of each stage whose scope has room."""
        parked = True
        while parked:
            parked = False
            for progress in list(self.ready.tops()):
                if not self.crew.has_room(progress.unit):
                    self.ready.park(progress)
                    parked = True
        yield from self.ready.tops()

    def _may_start(self, unit: Unit) -> bool:
        return self.demand.fits(unit) and not self._is_held_back(unit.stage)

    def _is_held_back(self, stage: str) -> bool:
        """Say whether a stage after this one has as much waiting as it may."""
        following = self.graph.feeds.get(stage)
        if not following:
            return False
        running = self.crew.stages.get(stage, 0)
        return any(self.ready.count(each) + running >= self.limits.queue for each in following)

    @property
    def is_sequential(self) -> bool:
        """Whether so much was lost that only one unit runs at a time."""
        return self._setbacks >= SETBACKS

    def _start(self, progress: Progress, at: float) -> None:
        if progress.state is State.READY:
            self.ready.remove(progress)
        unit = progress.unit
        for other in self.graph.needed_by(unit.id):
            if unit.id in other.unit.hopes:
                self._hopeful[other.unit.id] = other
        cpu, memory = self.demand.expect(unit)
        progress.number += 1
        attempt = Attempt(progress.number, self.crew.choose(unit.scope), at, cpu, memory)
        if progress.state is not State.RUNNING:
            progress.move(Signal.STARTED)
        progress.running[attempt.number] = attempt
        self.crew.assign(Job(unit, attempt))
        self.demand.take(cpu, memory)
        self._said.append(Start(unit, attempt.number, attempt.worker))

    def _speculate(self, at: float) -> None:
        """Begin what will probably be needed."""
        if self.is_sequential or self.crew.is_alone:
            return
        for progress in (*self._guesses(), *self._stragglers(at)):
            if not self.crew.free:
                return
            unit = progress.unit
            if not unit.alone and self.crew.has_room(unit) and self._may_start(unit):
                self._start(progress, at)

    def _guesses(self) -> list[Progress]:
        for id in [id for id, p in self._hopeful.items() if not self._may_guess(p)]:
            del self._hopeful[id]
        return list(self._hopeful.values())

    def _may_guess(self, progress: Progress) -> bool:
        """Say whether a unit waits for nothing but what is being made."""
        units = self.graph.units
        return (
            progress.state is State.WAITING
            and not (progress.missing or progress.behind)
            and all(units[id].state in _GUESSABLE for id in progress.unit.hopes)
        )

    def _stragglers(self, at: float) -> list[Progress]:
        moments = [(self._straggles(job), job) for job in self.crew.jobs.values()]
        return [self.graph.units[job.unit.id] for due, job in moments if due and due <= at]

    def _straggles(self, job: Job) -> float | None:
        """Return when an attempt will have taken too long; ``None`` if it gets no copy."""
        progress = self.graph.units[job.unit.id]
        if not job.unit.repeatable or list(progress.running) != [job.attempt.number]:
            return None
        expected = job.unit.seconds * self._paces.get(job.unit.stage, 1.0)
        return job.attempt.since + self.limits.straggler * expected

    @property
    def allowed(self) -> int:
        """How many workers there may be."""
        return 1 if self.is_sequential else min(self.limits.most, self.useful)

    def _staff(self, at: float) -> None:
        least = min(self.limits.least, self.allowed)
        for worker in self.crew.excess(at, self.limits, least):
            self.crew.leave(worker)
            self._said.append(Dismiss(worker))
        there = self.crew.size + self.crew.hiring
        following = self._next() if self.ready and not self.crew.free else None
        if following is None:
            return
        room = min(len(self.ready), self.demand.room(following.unit))
        count = min(len(self.crew.jobs) + room, self.allowed) - there
        if count > 0:
            self.crew.hiring += count
            self._said.append(Hire(count))

    def _wish(self, at: float) -> None:
        """Ask to be told of the next moment at which something is due."""
        moments = [self._delayed[0][0]] if self._delayed else []
        if self.crew.free and not self.is_cancelled:
            if self.crew.size > min(self.limits.least, self.allowed):
                moments.append(min(self.crew.free.values()) + self.limits.idle)
            moments += (m for job in self.crew.jobs.values() if (m := self._straggles(job)))
        soonest = min((m for m in moments if m > at), default=None)
        if soonest is not None and (self._wake is None or soonest < self._wake):
            self._wake = soonest
            self._said.append(Wake(soonest))


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


def replay(events: Iterable[RunEvent]) -> Pipeline:
    """Return the state that facts give; what they asked for was asked for then."""
    pipeline = Pipeline()
    for event in events:
        pipeline.handle(event)
    return pipeline
