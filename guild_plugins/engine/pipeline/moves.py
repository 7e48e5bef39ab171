"""How units move on when something happened to one of them: the consequences. Pure.

What ended is told to those that wait for it, what failed waits for its next attempt,
what was objected to is done again with all that is built on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappush
from typing import Final

from guild_plugins.engine.pipeline.crew import Job
from guild_plugins.engine.pipeline.instructions import Stop
from guild_plugins.engine.pipeline.pool import useful_workers
from guild_plugins.engine.pipeline.progress import Progress, Signal, State
from guild_plugins.engine.pipeline.state import Situation
from guild_plugins.stages.runs import UnitFailed, UnitFinished

MOST_LOST: Final = 5
"""Attempts of one unit that may be lost: then it is taken for the reason."""


def welcome(run: Situation, added: Sequence[Progress]) -> None:
    """Take in units that were added."""
    run.left += len(added)
    run.changed.extend(added)
    open = [p for p in run.graph.units.values() if not p.has_ended]
    work = sum(progress.unit.seconds for progress in open)
    longest = max((progress.rank for progress in open), default=0.0)
    run.useful = useful_workers(work, longest)


def conclude(run: Situation, progress: Progress, signal: Signal) -> None:
    """Bring a unit to its end; those that wait for it are told when all is settled."""
    progress.move(signal)
    run.left -= 1
    run.ended.append(progress)


def _tell(run: Situation, ended: Progress) -> None:
    """Tell those that wait for a unit that it has ended."""
    id = ended.unit.id
    for other in run.graph.needed_by(id):
        if ended.state is not State.PASSED:
            _cut_off(run, other)
        elif id in other.unit.hopes:
            other.doubts -= 1
        else:
            other.missing -= 1
        run.changed.append(other)
    for other in run.graph.followed_by(id):
        other.behind -= 1
        run.changed.append(other)


def _cut_off(run: Situation, progress: Progress) -> None:
    if progress.has_ended:
        return
    if progress.state is State.READY:
        run.ready.remove(progress)
    stop(run, progress)
    progress.reason = progress.reason or "an input failed"
    conclude(run, progress, Signal.CUT_OFF)


def send_back(run: Situation, progress: Progress) -> None:
    """Do again what a unit objects to, or give up."""
    target = progress.unit.sends_back
    goal = run.graph.units.get(target) if target is not None else None
    if goal is None or goal.rounds + 1 >= goal.unit.tries:
        conclude(run, progress, Signal.FELL)
        return
    goal.rounds += 1
    again = run.graph.from_here(goal.unit.id)
    for each in again:
        _repeat(run, each)
    for each in again:
        run.graph.recount(each)
        run.changed.append(each)
        for other in run.graph.followed_by(each.unit.id):
            run.graph.recount(other)
            run.changed.append(other)


def _repeat(run: Situation, progress: Progress) -> None:
    if progress.state is State.WAITING:
        return
    if progress.state is State.READY:
        run.ready.remove(progress)
    stop(run, progress)
    run.left += progress.has_ended
    progress.move(Signal.REPEATED)
    progress.tripped, progress.due = 0, 0.0


def delay(run: Situation, progress: Progress, event: UnitFailed) -> None:
    """Have a unit that failed try again after a pause."""
    pause = min(
        run.limits.pause * 2.0 ** (progress.tripped - 1) * (0.5 + event.chance),
        run.limits.longest_pause,
    )
    progress.move(Signal.TRIPPED)
    progress.due = event.at + pause
    heappush(run.delayed, (progress.due, progress.unit.id))


def lose(run: Situation, job: Job, reason: str) -> None:
    """Take note of an attempt that did not end by itself."""
    progress = run.graph.units[job.unit.id]
    if progress.running.pop(job.attempt.number, None) is None or progress.running:
        return
    if run.is_cancelled:
        progress.move(Signal.LOST)
        run.changed.append(progress)
        return
    run.setbacks += 1
    progress.lost += 1
    progress.reason = reason
    if progress.lost >= MOST_LOST:
        conclude(run, progress, Signal.FELL)
    else:
        progress.move(Signal.LOST)
        run.changed.append(progress)


def stop(run: Situation, progress: Progress) -> None:
    """End the attempts of a unit, whatever they have done."""
    for number in progress.running:
        run.said.append(Stop(progress.unit.id, number))
    progress.running.clear()


def settle_all(run: Situation) -> None:
    """Move on all units whose inputs changed, and those that these move on."""
    while run.ended or run.changed:
        if run.ended:
            _tell(run, run.ended.popleft())
        else:
            _settle(run, run.changed.popleft())


def _settle(run: Situation, progress: Progress) -> None:
    is_free = not (progress.missing or progress.doubts or progress.behind)
    if progress.state is State.WAITING and is_free:
        progress.move(Signal.FREED)
        run.ready.add(progress)
    elif progress.state is State.READY and not is_free:
        run.ready.remove(progress)
        progress.move(Signal.STARVED)
    elif progress.state is State.HELD and is_free:
        conclude(run, progress, Signal.FREED)


def end_job(run: Situation, unit: str, attempt: int, at: float) -> Job | None:
    """Free the worker of an attempt; ``None`` if that is over already."""
    job = run.crew.end(unit, attempt, at)
    if job is not None:
        run.demand.give(job.attempt)
        run.ready.unpark(job.unit.scope)
    return job


def learn(run: Situation, job: Job, event: UnitFinished | UnitFailed) -> None:
    """Learn from how long a unit took, and what it needed."""
    took = max(event.at - job.attempt.since, 1e-6)
    stage = job.unit.stage
    pace = took / max(job.unit.seconds, 1e-6)
    old = run.paces.get(stage, pace)
    run.paces[stage] = round(old + 0.3 * (pace - old), 6)
    if event.cpu is not None and event.memory is not None:
        run.demand.note(stage, event.cpu / took, event.memory)
