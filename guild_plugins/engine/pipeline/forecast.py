"""How long a run can take at best, and what that hangs on. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter

from guild_plugins.engine.pipeline.pool import useful_workers
from guild_plugins.stages.runs import Unit


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the shape of the work allows.

    :param work: Seconds of all units together.
    :param path: The units of the longest chain, the first first.
    :param longest: Its seconds.
    """

    work: float
    path: tuple[Unit, ...]
    longest: float

    @property
    def useful(self) -> int:
        """How many workers the shape of the work can keep busy."""
        return useful_workers(self.work, self.longest)

    def bound(self, workers: int) -> float:
        """Return the seconds below which no schedule with so many workers can come."""
        return max(self.longest, self.work / max(1, workers))


def forecast(units: Iterable[Unit], seconds: Mapping[str, float] | None = None) -> Forecast:
    """Look at the shape of some units.

    :param seconds: What units took, or were expected to, by id; else what each says itself.
    """
    by_id = {unit.id: unit for unit in units}
    cost = {
        id: seconds.get(id, 0.0) if seconds is not None else unit.seconds
        for id, unit in by_id.items()
    }
    waits = {
        id: [other for other in (*unit.after, *unit.behind) if other in by_id]
        for id, unit in by_id.items()
    }
    ends: dict[str, float] = {}
    before: dict[str, str] = {}
    for id in TopologicalSorter(waits).static_order():
        last = max(waits[id], key=ends.__getitem__, default=None)
        if last is not None:
            before[id] = last
        ends[id] = cost[id] + (ends[last] if last is not None else 0.0)
    path = _chain(max(ends, key=ends.__getitem__, default=None), before)
    return Forecast(
        work=sum(cost.values()),
        path=tuple(by_id[id] for id in path),
        longest=sum(cost[id] for id in path),
    )


def _chain(id: str | None, before: Mapping[str, str]) -> Sequence[str]:
    chain: list[str] = []
    while id is not None:
        chain.append(id)
        id = before.get(id)
    return chain[::-1]
