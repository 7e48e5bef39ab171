"""Who may start, what is worth a guess, how many workers there should be. Pure.

The rules, in the order in which they are applied, are told in `core`.
"""

from __future__ import annotations

from typing import Final

from guild_plugins.engine.pipeline.crew import Job
from guild_plugins.engine.pipeline.instructions import Dismiss, End, Hire, Start, Wake
from guild_plugins.engine.pipeline.progress import Attempt, Progress, Signal, State
from guild_plugins.engine.pipeline.state import Situation
from guild_plugins.stages.runs import Unit

_GUESSABLE: Final = (State.RUNNING, State.HELD, State.PASSED)


def decide(run: Situation, at: float) -> None:
    """Say what is to be done now."""
    if not run.is_cancelled:
        while run.crew.free and (progress := _next(run)) is not None:
            _start(run, progress, at)
        if run.crew.free:
            _speculate(run, at)
        _staff(run, at)
    if not run.crew.jobs and (run.is_cancelled or not run.left) and not run.has_ended:
        run.has_ended = True
        states = run.states()
        run.said.append(
            End(
                passed=states[State.PASSED],
                failed=states[State.FAILED],
                left_out=states[State.LEFT_OUT],
                is_complete=not run.left,
            )
        )
    elif not run.has_ended:
        _wish(run, at)


def _next(run: Situation) -> Progress | None:
    """Return the unit that a free worker shall begin."""
    if not run.ready or run.crew.is_alone or (run.is_sequential and run.crew.jobs):
        return None
    owed = run.crew.common < run.limits.share * run.crew.size
    best = common = None
    for progress in run.ready.tops(run.crew.has_room):
        is_first = best is None or progress.rank > best.rank
        is_owed = owed and progress.unit.common
        is_owed = is_owed and (common is None or progress.rank > common.rank)
        if not (is_first or is_owed):
            continue
        if progress.unit.alone and run.crew.jobs:
            best = progress if is_first else best
        elif _may_start(run, progress.unit):
            best = progress if is_first else best
            common = progress if is_owed else common
    if best is None or (best.unit.alone and run.crew.jobs):
        return None  # nothing, or everything ends first
    return common or best


def _may_start(run: Situation, unit: Unit) -> bool:
    return run.demand.fits(unit) and not _is_held_back(run, unit.stage)


def _is_held_back(run: Situation, stage: str) -> bool:
    """Say whether a stage after this one has as much waiting as it may."""
    following = run.graph.feeds.get(stage)
    if not following:
        return False
    running = run.crew.stages.get(stage, 0)
    return any(run.ready.count(each) + running >= run.limits.queue for each in following)


def _start(run: Situation, progress: Progress, at: float) -> None:
    if progress.state is State.READY:
        run.ready.remove(progress)
    unit = progress.unit
    for other in run.graph.needed_by(unit.id):
        if unit.id in other.unit.hopes:
            run.hopeful[other.unit.id] = other
    cpu, memory = run.demand.expect(unit)
    progress.number += 1
    attempt = Attempt(progress.number, run.crew.choose(unit.scope), at, cpu, memory)
    if progress.state is not State.RUNNING:
        progress.move(Signal.STARTED)
    progress.running[attempt.number] = attempt
    run.crew.assign(Job(unit, attempt))
    run.demand.take(cpu, memory)
    run.said.append(Start(unit, attempt.number, attempt.worker))


def _speculate(run: Situation, at: float) -> None:
    """Begin what will probably be needed."""
    if run.is_sequential or run.crew.is_alone:
        return
    for progress in (*_guesses(run), *_stragglers(run, at)):
        if not run.crew.free:
            return
        unit = progress.unit
        if not unit.alone and run.crew.has_room(unit) and _may_start(run, unit):
            _start(run, progress, at)


def _guesses(run: Situation) -> list[Progress]:
    for id in [id for id, p in run.hopeful.items() if not _may_guess(run, p)]:
        del run.hopeful[id]
    return list(run.hopeful.values())


def _may_guess(run: Situation, progress: Progress) -> bool:
    """Say whether a unit waits for nothing but what is being made."""
    units = run.graph.units
    return (
        progress.state is State.WAITING
        and not (progress.missing or progress.behind)
        and all(units[id].state in _GUESSABLE for id in progress.unit.hopes)
    )


def _stragglers(run: Situation, at: float) -> list[Progress]:
    moments = [(_straggles(run, job), job) for job in run.crew.repeatable.values()]
    return [run.graph.units[job.unit.id] for due, job in moments if due and due <= at]


def _straggles(run: Situation, job: Job) -> float | None:
    """Return when an attempt will have taken too long; ``None`` where it has its copy."""
    progress = run.graph.units[job.unit.id]
    if list(progress.running) != [job.attempt.number]:
        return None
    expected = job.unit.seconds * run.paces.get(job.unit.stage, 1.0)
    return job.attempt.since + run.limits.straggler * expected


def _staff(run: Situation, at: float) -> None:
    least = min(run.limits.least, run.allowed)
    for worker in run.crew.excess(at, run.limits, least):
        run.crew.leave(worker)
        run.said.append(Dismiss(worker))
    there = run.crew.size + run.crew.hiring
    if run.crew.free or there >= run.allowed:
        return
    following = _next(run)
    if following is None:
        return
    room = min(len(run.ready), run.demand.room(following.unit))
    count = min(len(run.crew.jobs) + room, run.allowed) - there
    if count > 0:
        run.crew.hiring += count
        run.said.append(Hire(count))


def _wish(run: Situation, at: float) -> None:
    """Ask to be told of the next moment at which something is due."""
    moments = [run.delayed[0][0]] if run.delayed else []
    if run.crew.free and not run.is_cancelled:
        if run.crew.size > min(run.limits.least, run.allowed):
            moments.append(min(run.crew.free.values()) + run.limits.idle)
        moments += (m for job in run.crew.repeatable.values() if (m := _straggles(run, job)))
    soonest = min((m for m in moments if m > at), default=None)
    if soonest is not None and (run.wake is None or soonest < run.wake):
        run.wake = soonest
        run.said.append(Wake(soonest))
