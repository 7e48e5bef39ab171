"""What a run cost, from its facts: how busy workers were, how far it is from the best. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from guild_plugins.engine.pipeline.forecast import Forecast, forecast
from guild_plugins.stages.runs import (
    RunEvent,
    Unit,
    UnitFailed,
    UnitFinished,
    UnitLost,
    UnitStarted,
    WorkerJoined,
    WorkerLeft,
)


@dataclass(frozen=True, slots=True)
class Figures:
    """One process's part of a run.

    :param took: Seconds from the first fact to the last.
    :param work: Seconds that one worker alone would have needed for what counted.
    :param wasted: Seconds of attempts that came to nothing.
    :param busiest: Units that ran at once, at most.
    :param present: Seconds that workers were there, summed.
    :param shape: The chains of what was done, by what it took.
    """

    took: float
    work: float
    wasted: float
    busiest: int
    present: float
    shape: Forecast

    @property
    def speed_up(self) -> float:
        """How much faster it was than one worker alone."""
        return self.work / self.took if self.took else 0.0

    @property
    def efficiency(self) -> float:
        """The speed-up that each worker brought of those that were busy at once."""
        return self.speed_up / self.busiest if self.busiest else 0.0

    @property
    def utilisation(self) -> float:
        """The part of their time in which workers had something to do."""
        return min(1.0, (self.work + self.wasted) / self.present) if self.present else 0.0

    @property
    def distance(self) -> float:
        """How much longer it took than the shape of the work and so many workers allow."""
        bound = self.shape.bound(self.busiest)
        return max(0.0, self.took / bound - 1) if bound else 0.0


@dataclass
class Account:
    """Counts while a run goes on."""

    _first: float | None = None
    _last: float = 0.0
    _begun: dict[tuple[str, int], float] = field(default_factory=dict)
    _seconds: dict[str, float] = field(default_factory=dict)
    _joined: dict[str, float] = field(default_factory=dict)
    _wasted: float = 0.0
    _present: float = 0.0
    _busiest: int = 0

    def note(self, event: RunEvent) -> None:
        """Count a fact."""
        if self._first is None:
            self._first = event.at
        self._last = max(self._last, event.at)
        match event:
            case UnitStarted(unit=unit, attempt=attempt):
                self._begun.setdefault((unit, attempt), event.at)
                self._busiest = max(self._busiest, len(self._begun))
            case UnitFinished(unit=unit, attempt=attempt):
                self._seconds[unit] = self._ended(unit, attempt, event.at)
            case UnitFailed(unit=unit, attempt=attempt) | UnitLost(unit=unit, attempt=attempt):
                self._wasted += self._ended(unit, attempt, event.at)
            case WorkerJoined(worker=worker):
                self._joined.setdefault(worker, event.at)
            case WorkerLeft(worker=worker):
                self.dismiss(worker, event.at)

    def dismiss(self, worker: str, at: float) -> None:
        """Count a worker that was let go."""
        since = self._joined.pop(worker, None)
        if since is not None:
            self._present += at - since

    def seconds_of(self, unit: str) -> float | None:
        """Return what a unit took; ``None`` if it did not finish here."""
        return self._seconds.get(unit)

    def figures(self, units: dict[str, Unit]) -> Figures:
        """Return what it comes to.

        :param units: All units of the run, by id.
        """
        first = self._first if self._first is not None else self._last
        here = {id: unit for id, unit in units.items() if id in self._seconds}
        return Figures(
            took=self._last - first,
            work=sum(self._seconds.values()),
            wasted=self._wasted,
            busiest=self._busiest,
            present=self._present + sum(self._last - since for since in self._joined.values()),
            shape=forecast(here.values(), self._seconds),
        )

    def _ended(self, unit: str, attempt: int, at: float) -> float:
        return at - self._begun.pop((unit, attempt), at)
