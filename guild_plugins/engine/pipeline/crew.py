"""The workers of a run: who is free, who does what, and how many there should be."""

from __future__ import annotations

from dataclasses import dataclass

from guild_plugins.engine.pipeline.progress import Attempt
from guild_plugins.stages.runs import Limits, Unit


@dataclass(slots=True)
class Job:
    """What a worker does."""

    unit: Unit
    attempt: Attempt


class Crew:
    """Workers by name.

    The one that became free last is the first to get work, so that those that are
    not needed stay idle long enough to be let go; one that was at the scope before
    goes first of all, since its caches are warm.
    """

    def __init__(self) -> None:
        self.free: dict[str, float] = {}
        """Idle workers, and since when."""
        self.jobs: dict[tuple[str, int], Job] = {}
        """By unit and attempt."""
        self.repeatable: dict[tuple[str, int], Job] = {}
        """Those of the jobs that may get a copy."""
        self.scopes: dict[str, int] = {}
        """Jobs in each scope."""
        self.stages: dict[str, int] = {}
        """Jobs of each stage."""
        self.common = 0
        """Jobs that are verification or joins."""
        self.hiring = 0
        """Workers that were asked for and have not come."""
        self.is_alone = False
        self._at: dict[str, tuple[str, int]] = {}
        self._homes: dict[str, str] = {}

    @property
    def size(self) -> int:
        """How many workers are there."""
        return len(self.free) + len(self._at)

    def join(self, worker: str, at: float) -> None:
        """Add a worker; one that is there already is left as it is."""
        self.hiring = max(0, self.hiring - 1)
        if worker not in self._at:
            self.free.setdefault(worker, at)

    def leave(self, worker: str) -> Job | None:
        """Remove a worker, and return what it was doing."""
        self.free.pop(worker, None)
        key = self._at.get(worker)
        job = self.jobs[key] if key is not None else None
        if job is not None:
            self._take_off(job)
        return job

    def choose(self, scope: str | None) -> str:
        """Take a free worker."""
        home = self._homes.get(scope or "")
        worker = home if home in self.free else next(reversed(self.free))
        del self.free[worker]
        return worker

    def assign(self, job: Job) -> None:
        """Note what a chosen worker does."""
        key = (job.unit.id, job.attempt.number)
        self.jobs[key] = job
        if job.unit.repeatable:
            self.repeatable[key] = job
        self._at[job.attempt.worker] = key
        self.common += job.unit.common
        self.is_alone = job.unit.alone
        _count(self.stages, job.unit.stage, 1)
        if job.unit.scope is not None:
            _count(self.scopes, job.unit.scope, 1)
            self._homes[job.unit.scope] = job.attempt.worker

    def end(self, unit: str, attempt: int, at: float) -> Job | None:
        """Free the worker of an attempt; ``None`` if that attempt is over already."""
        job = self.jobs.get((unit, attempt))
        if job is not None:
            self._take_off(job)
            self.free[job.attempt.worker] = at
        return job

    def excess(self, at: float, limits: Limits, least: int) -> list[str]:
        """Return workers that were idle for too long, the longest first."""
        spare = self.size - least
        if spare <= 0:
            return []
        old = [worker for worker, since in self.free.items() if at - since >= limits.idle]
        return old[:spare]

    def has_room(self, unit: Unit) -> bool:
        """Say whether a unit's scope may have one more worker."""
        return unit.scope is None or self.scopes.get(unit.scope, 0) < unit.width

    def _take_off(self, job: Job) -> None:
        key = (job.unit.id, job.attempt.number)
        del self.jobs[key]
        self.repeatable.pop(key, None)
        del self._at[job.attempt.worker]
        self.common -= job.unit.common
        self.is_alone = False
        _count(self.stages, job.unit.stage, -1)
        if job.unit.scope is not None:
            _count(self.scopes, job.unit.scope, -1)


def _count(counts: dict[str, int], name: str, step: int) -> None:
    """Count up or down; what is at zero is not there."""
    counts[name] = counts.get(name, 0) + step
    if not counts[name]:
        del counts[name]
