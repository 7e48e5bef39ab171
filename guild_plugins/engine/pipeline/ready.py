"""Units that may start, by stage: the one with the longest way to the end first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heappop, heappush

from guild_plugins.engine.pipeline.progress import Progress, State
from guild_plugins.stages.runs import Unit


class Ready:
    """What waits for a worker.

    An entry whose unit has moved on is dropped when it comes to the top.
    """

    def __init__(self) -> None:
        self._heaps: dict[str, list[tuple[float, int, Progress]]] = {}
        self._counts: dict[str, int] = {}
        self._tickets: dict[str, int] = {}
        self._last = 0
        self._parked: dict[str, list[Progress]] = {}

    def __len__(self) -> int:
        return len(self._tickets)

    def count(self, stage: str) -> int:
        """Return how many units of a stage wait."""
        return self._counts.get(stage, 0)

    def add(self, progress: Progress) -> None:
        """Add a unit that became ready."""
        self._last += 1
        stage = progress.unit.stage
        self._tickets[progress.unit.id] = self._last
        self._counts[stage] = self.count(stage) + 1
        self._push(progress)

    def remove(self, progress: Progress) -> None:
        """Remove a unit that is no longer ready, wherever it stands."""
        del self._tickets[progress.unit.id]
        self._counts[progress.unit.stage] -= 1

    def tops(self, has_room: Callable[[Unit], bool]) -> Iterator[Progress]:
        """Yield the first unit of each stage whose scope has room; put those before it aside."""
        for heap in self._heaps.values():
            while heap:
                progress = heap[0][-1]
                if self._tickets.get(progress.unit.id) != heap[0][1]:
                    heappop(heap)
                elif not has_room(progress.unit):
                    heappop(heap)
                    assert progress.unit.scope is not None, "without a scope there is always room"
                    self._parked.setdefault(progress.unit.scope, []).append(progress)
                else:
                    yield progress
                    break

    def unpark(self, scope: str | None) -> None:
        """Put back what was put aside for a scope."""
        for progress in self._parked.pop(scope or "", ()):
            if progress.unit.id in self._tickets and progress.state is State.READY:
                self._push(progress)

    def _push(self, progress: Progress) -> None:
        heap = self._heaps.setdefault(progress.unit.stage, [])
        heappush(heap, (-progress.rank, self._tickets[progress.unit.id], progress))
