"""The units of a run and what they wait for.

A unit waits for some to pass (``after``) and for some to end (``behind``). Units can
be added while others run; they may wait for those that are there, not the other way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from graphlib import CycleError, TopologicalSorter

from guild_plugins.engine.pipeline.progress import Progress, State
from guild_plugins.stages.runs import Unit


class UnitsIllegal(ValueError):
    """Units cannot be done as they are; nothing was added."""


class Graph:
    """All units, by id, in the order in which they came."""

    def __init__(self) -> None:
        self.units: dict[str, Progress] = {}
        self.feeds: dict[str, set[str]] = {}
        """The stages that directly follow each stage within a scope."""
        self._needed_by: dict[str, list[str]] = {}
        self._followed_by: dict[str, list[str]] = {}

    def add(self, units: Sequence[Unit]) -> list[Progress]:
        """Add units, with their counts and ranks, and return them.

        :raises UnitsIllegal: They wait for each other, or for what is not there.
        """
        order = self._order(units)
        added = [Progress(unit) for unit in units]
        for progress in added:
            self.units[progress.unit.id] = progress
        for unit in units:
            self._link(unit)
        for id in reversed(order):
            self._rank(id)
        for progress in added:
            self.recount(progress)
        return added

    def needed_by(self, id: str) -> Iterator[Progress]:
        """Yield the units that cannot do without this one."""
        return (self.units[each] for each in self._needed_by.get(id, ()))

    def followed_by(self, id: str) -> Iterator[Progress]:
        """Yield the units that only wait until this one has ended."""
        return (self.units[each] for each in self._followed_by.get(id, ()))

    def from_here(self, id: str) -> list[Progress]:
        """Return a unit and all that is built on it, directly or not."""
        found = {id: self.units[id]}
        waiting = [id]
        while waiting:
            for each in self.needed_by(waiting.pop()):
                if each.unit.id not in found:
                    found[each.unit.id] = each
                    waiting.append(each.unit.id)
        return list(found.values())

    def recount(self, progress: Progress) -> None:
        """Count anew what a unit waits for."""
        unit = progress.unit
        open = [id for id in unit.after if self.units[id].state is not State.PASSED]
        progress.doubts = sum(id in unit.hopes for id in open)
        progress.missing = len(open) - progress.doubts
        progress.behind = sum(not self.units[id].has_ended for id in unit.behind)

    def _order(self, units: Iterable[Unit]) -> list[str]:
        waits: dict[str, list[str]] = {}
        for unit in units:
            if unit.id in self.units or unit.id in waits:
                raise UnitsIllegal(f"there are two units {unit.id}")
            waits[unit.id] = [*unit.after, *unit.behind]
        for id, others in waits.items():
            unknown = [other for other in others if other not in waits and other not in self.units]
            if unknown:
                raise UnitsIllegal(f"{id} waits for {unknown[0]}, which is not there")
        new = {id: [o for o in others if o in waits] for id, others in waits.items()}
        try:
            return list(TopologicalSorter(new).static_order())
        except CycleError as error:
            circle = " -> ".join(error.args[1])
            raise UnitsIllegal(f"units wait for each other in a circle: {circle}") from None

    def _link(self, unit: Unit) -> None:
        for id in unit.after:
            self._needed_by.setdefault(id, []).append(unit.id)
            before = self.units[id].unit
            if before.scope is not None and before.scope == unit.scope:
                self.feeds.setdefault(before.stage, set()).add(unit.stage)
        for id in unit.behind:
            self._followed_by.setdefault(id, []).append(unit.id)

    def _rank(self, id: str) -> None:
        """Set the rank of a unit whose followers have theirs, and lift what stands before it."""
        waiting = [id]
        while waiting:
            progress = self.units[waiting.pop()]
            unit = progress.unit
            after = [*self._needed_by.get(unit.id, ()), *self._followed_by.get(unit.id, ())]
            rank = unit.seconds + max((self.units[each].rank for each in after), default=0.0)
            if rank > progress.rank:
                progress.rank = rank
                waiting += (e for e in (*unit.after, *unit.behind) if self.units[e].rank)
