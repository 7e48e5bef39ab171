"""Pieces that wait for a worker, and which of them is next.

While something is queued of a visit that the worker is in, it stays there: it may
not come back. Else what came back goes first; then the lower priority. Within a
priority: long poles, longest first, whatever their scope; then the scope the worker
is in, longest first; then the scope with most work for each worker on it. Only the
first piece of a worker is a small one: people wait for the first result.

So a visit that a worker has left holds nothing here but what came back since, and
pieces that come back are the only ones of which a worker must be asked whether it
may enter.

No operation looks at all pieces. The heaps are lazy: what has left, or whose
rank has fallen, is noticed when it comes to the top.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush, heapreplace
from typing import Final

from guild_plugins.engine.messages import Piece

POLE: Final = 0.5
"""A piece is a long pole from this part of what is left for each worker.

Begun late, a long pole ends last and alone. Lower, and the order is longest
first for all, which leaves scopes too often; higher, and the end is ragged.
"""

OPENER: Final = 0.05
"""A worker's first piece may cost this part of what is left for each worker."""

OPENER_BYTES: Final = 400
"""A smaller file may hold no test at all."""


MayEnter = Callable[[Piece], bool]
"""Whether a worker may be led into the visits of a piece."""


class PoolQueue:
    """The pieces of one pool that may run beside others."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.parts = 0
        self._crew: Counter[str] = Counter()
        self._front: deque[Piece] = deque()
        self._all = _Levels(self._crew)
        self._visits: dict[str, _Levels] = {}
        self._parts: dict[int, int] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def push(self, piece: Piece, parts: int = 1) -> None:
        """Queue a piece at its place.

        :param parts: How many workers could share it.
        """
        self._all.push(piece)
        for visit in piece.unit.visits:
            self._visits.setdefault(visit, _Levels(self._crew)).push(piece)
        self._parts[piece.id] = parts
        self._counted(piece, 1)

    def push_front(self, piece: Piece) -> None:
        """Queue a piece that came back, before all others."""
        self._front.append(piece)
        self._counted(piece, 1)

    def pop(
        self,
        scope: str | None,
        workers: int,
        trail: tuple[str, ...] = (),
        may_enter: MayEnter = lambda _: True,
    ) -> Piece | None:
        """Take the next piece for a worker.

        :param scope: The scope that the worker is in.
        :param workers: How many workers share this queue.
        :param trail: The visits that the worker is in.
        """
        pole = POLE * self.seconds / max(workers, 1)
        for visit in reversed(trail):
            piece = self._pop_front(may_enter, visit)
            if piece is None and visit in self._visits:
                piece = self._visits[visit].pop(scope, pole)
            if piece is not None:
                return self._taken(piece)
        piece = self._pop_front(may_enter) or self._all.pop(scope, pole)
        return self._taken(piece) if piece is not None else None

    def pop_opener(self, workers: int) -> Piece | None:
        """Take the piece that a worker can show something of soonest, if it is a small one.

        It is the smallest file of the scope that is next. That a long pole begins
        so much later costs no more than the small file does.
        """
        level = self._all.first
        if self._front or level is None:
            return None
        piece = level.take_opener(OPENER * self.seconds / max(workers, 1))
        return self._taken(piece) if piece is not None else None

    def take_scope(self, scope: str) -> list[Piece]:
        """Take every piece of a scope."""
        taken = [piece for piece in self._front if piece.unit.scope == scope]
        self._front = deque(piece for piece in self._front if piece.unit.scope != scope)
        taken += self._all.take_scope(scope)
        return [self._taken(piece) for piece in taken]

    def take_all(self) -> list[Piece]:
        """Take every piece."""
        taken = [*self._front, *self._all.take_all()]
        self._front.clear()
        return [self._taken(piece) for piece in taken]

    def move(self, old: str | None, new: str | None) -> None:
        """Note that a worker went from one scope to another."""
        if old == new:
            return
        if old is not None:
            self._crew[old] -= 1
            for levels in (self._all, *self._visits.values()):
                levels.rank(old)
        if new is not None:
            self._crew[new] += 1

    def _pop_front(self, may_enter: MayEnter, visit: str | None = None) -> Piece | None:
        """Take what came back first, of a visit if one is named."""
        for piece in self._front:
            if (visit is None or visit in piece.unit.visits) and may_enter(piece):
                self._front.remove(piece)
                return piece
        return None

    def _taken(self, piece: Piece) -> Piece:
        """Note that a piece has left, wherever it is listed."""
        if piece.unit.visits:
            for levels in (self._all, *(self._visits.get(v) for v in piece.unit.visits)):
                if levels is not None:
                    levels.discard(piece)
        self._counted(piece, -1)
        return piece

    def _counted(self, piece: Piece, sign: int) -> None:
        self._count += sign
        self.parts += sign * self._parts.get(piece.id, 1)
        self.seconds = self.seconds + sign * piece.seconds if self._count else 0.0


class ExclusiveQueue:
    """The pieces of one pool that run alone: scope by scope, visit by visit, longest first."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, tuple[str, ...], int, float, int, Piece]] = []
        self._scopes: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._heap)

    def push(self, piece: Piece) -> None:
        """Queue a piece at its place."""
        rank = self._scopes.setdefault(piece.unit.scope, len(self._scopes))
        unit = piece.unit
        entry = (rank, unit.visits, unit.priority, -piece.seconds, piece.id, piece)
        heappush(self._heap, entry)

    def pop(self) -> Piece | None:
        """Take the next piece."""
        return heappop(self._heap)[-1] if self._heap else None

    def take_scope(self, scope: str) -> list[Piece]:
        """Take every piece of a scope."""
        taken = [entry[-1] for entry in self._heap if entry[-1].unit.scope == scope]
        self._heap = [entry for entry in self._heap if entry[-1].unit.scope != scope]
        heapify(self._heap)
        return taken

    def take_all(self) -> list[Piece]:
        """Take every piece."""
        taken = [entry[-1] for entry in sorted(self._heap)]
        self._heap.clear()
        return taken


_Entry = tuple[float, int, Piece]


class _Level:
    """Pieces of one priority."""

    def __init__(self, crew: Counter[str]) -> None:
        self.pieces: dict[int, Piece] = {}
        self._crew = crew
        self._longest: list[_Entry] = []
        self._scopes: dict[str, list[_Entry]] = {}
        self._seconds: dict[str, float] = {}
        self._ranks: list[tuple[float, str]] = []
        self._noted: dict[str, float] = {}  # the one entry of a scope that counts

    def push(self, piece: Piece) -> None:
        entry = (-piece.seconds, piece.id, piece)
        scope = piece.unit.scope
        self.pieces[piece.id] = piece
        heappush(self._longest, entry)
        heappush(self._scopes.setdefault(scope, []), entry)
        self._seconds[scope] = self._seconds.get(scope, 0.0) + piece.seconds
        self.rank(scope)

    def pop(self, scope: str | None, pole: float) -> Piece:
        longest = self._top(self._longest)
        assert longest is not None
        if longest.seconds >= pole:
            return self._take(longest)
        here = self._top(self._scopes.get(scope, [])) if scope is not None else None
        return self._take(here or self._heaviest())

    def take_opener(self, most: float) -> Piece | None:
        """Take the smallest piece of the next scope that costs less than ``most`` seconds."""
        scope = self._heaviest().unit.scope
        waiting = (entry[-1] for entry in self._scopes[scope] if entry[1] in self.pieces)
        small = (p for p in waiting if p.unit.size >= OPENER_BYTES and p.seconds < most)
        piece = min(small, key=lambda p: (p.unit.size, p.id), default=None)
        return None if piece is None else self._take(piece)

    def discard(self, piece: Piece) -> None:
        if piece.id in self.pieces:
            self._take(piece)

    def take_scope(self, scope: str) -> list[Piece]:
        taken = [e[-1] for e in sorted(self._scopes.get(scope, ())) if e[1] in self.pieces]
        for piece in taken:
            del self.pieces[piece.id]
        return taken

    def rank(self, scope: str) -> None:
        """Enter the scope where it stands now; needed whenever it rises."""
        if scope in self._seconds:
            rank = self._rank(scope)
            if rank < self._noted.get(scope, 0.0):
                self._noted[scope] = rank
                heappush(self._ranks, (rank, scope))

    def _rank(self, scope: str) -> float:
        return -self._seconds[scope] / (self._crew[scope] + 1)

    def _heaviest(self) -> Piece:
        while True:
            noted, scope = self._ranks[0]
            if noted != self._noted.get(scope):
                heappop(self._ranks)
                continue
            piece = self._top(self._scopes[scope])
            if piece is None:
                heappop(self._ranks)
                del self._noted[scope]
            elif noted < (rank := self._rank(scope)):
                self._noted[scope] = rank
                heapreplace(self._ranks, (rank, scope))
            else:
                return piece

    def _take(self, piece: Piece) -> Piece:
        del self.pieces[piece.id]
        self._seconds[piece.unit.scope] -= piece.seconds
        return piece

    def _top(self, heap: list[_Entry]) -> Piece | None:
        while heap and heap[0][1] not in self.pieces:
            heappop(heap)
        return heap[0][-1] if heap else None


class _Levels:
    """Pieces by priority, the lowest first."""

    def __init__(self, crew: Counter[str]) -> None:
        self._crew = crew
        self._levels: dict[int, _Level] = {}
        self._order: list[int] = []

    @property
    def first(self) -> _Level | None:
        """The level that is next; None where nothing is queued."""
        levels = map(self._levels.__getitem__, self._order)
        return next((level for level in levels if level.pieces), None)

    def push(self, piece: Piece) -> None:
        level = self._levels.get(piece.unit.priority)
        if level is None:
            level = self._levels[piece.unit.priority] = _Level(self._crew)
            self._order = sorted(self._levels)
        level.push(piece)

    def pop(self, scope: str | None, pole: float) -> Piece | None:
        level = self.first
        return level.pop(scope, pole) if level is not None else None

    def discard(self, piece: Piece) -> None:
        level = self._levels.get(piece.unit.priority)
        if level is not None:
            level.discard(piece)

    def take_scope(self, scope: str) -> list[Piece]:
        return [piece for p in self._order for piece in self._levels[p].take_scope(scope)]

    def take_all(self) -> list[Piece]:
        taken: list[Piece] = []
        for priority in self._order:
            taken += self._levels[priority].pieces.values()
            self._levels[priority].pieces.clear()
        return taken

    def rank(self, scope: str) -> None:
        for level in self._levels.values():
            level.rank(scope)
