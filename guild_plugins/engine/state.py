"""What the scheduler knows: pools, workers, requests, and how events change them.

Facts only. Nothing is decided here, and an event that cannot follow the ones
before it changes nothing. The rules that act on this are in `scheduling`.

Three messages may cross each other, and none of it is an error:

- A worker says that it is hungry while an assignment is on its way to it. The
  assignment is the answer, unless it is recalled before it is opened: then the
  worker is hungry still, and will not say so again.
- A piece is opened while it is recalled. The refusal follows.
- A piece is closed while it is divided. What was given away follows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Any, Final

from guild_plugins.engine.messages import (
    Cancelled,
    Event,
    IllegalEventError,
    Piece,
    PoolCancelled,
    ScopeCancelled,
    StartFailed,
    TestsFinished,
    TestsReturned,
    Unit,
    UnitClosed,
    UnitGrew,
    UnitOpened,
    UnitReturned,
    WorkerHungry,
    WorkerLost,
    WorkerReady,
    WorkersSampled,
    WorkerStopped,
)
from guild_plugins.engine.pools import Pool, Request
from guild_plugins.engine.sizing import LEAST_SECONDS, expected_seconds, parts
from guild_plugins.engine.workers import Opened, Worker

STORY: Final = 30
"""Events that an error tells."""

PACE_PRIOR: Final = 1.0
"""Seconds of work as expected, before what is seen counts as much."""


class State:
    """The facts so far.

    :param share: Seconds that a part of a unit must have to be worth a worker.
    """

    def __init__(self, units: Iterable[Unit], share: float) -> None:
        self.pools: dict[str, Pool] = {}
        self.workers: dict[str, Worker] = {}
        self.requests: dict[int, Request] = {}
        self.alone: str | None = None
        self.is_cancelled = False
        self.opened_tests = 0
        self.moved_tests = 0
        self._cancelled_scopes: set[str] = set()
        self._cancelled_pools: set[str] = set()
        self._unwanted: list[Piece] = []
        self._gone: set[str] = set()
        self._story: deque[Event] = deque(maxlen=STORY)
        self._spent = self._planned = PACE_PRIOR
        self._next_id = 0
        self._enqueue(tuple(units), share)

    @property
    def starting(self) -> int:
        """How many workers were asked for and are not up."""
        return sum(pool.starting for pool in self.pools.values())

    @property
    def pace(self) -> float:
        """How long work takes, in parts of what was expected."""
        return self._spent / self._planned

    def may_move(self, piece: Piece) -> bool:
        """Tell whether a piece may be taken from its worker for another."""
        return not piece.unit.exclusive and not self.is_unwanted(piece)

    def is_unwanted(self, piece: Piece) -> bool:
        """Tell whether a piece was cancelled."""
        return (
            self.is_cancelled
            or piece.unit.scope in self._cancelled_scopes
            or piece.unit.pool in self._cancelled_pools
        )

    def take_unwanted(self) -> tuple[Piece, ...]:
        """Take the pieces that no one will run."""
        taken, self._unwanted = self._unwanted, []
        return tuple(taken)

    def apply(self, event: Event) -> bool:
        """Note what happened; False if it comes from a worker that is gone.

        :raises IllegalEventError: It cannot have happened. Nothing has changed.
        """
        if type(event) is not WorkerReady and getattr(event, "worker", None) in self._gone:
            return False
        _HANDLERS[type(event)](self, event)
        self._story.append(event)
        return True

    # -- events ----------------------------------------------------------------

    def _on_ready(self, event: WorkerReady) -> None:
        is_new = event.worker not in self.workers and event.worker not in self._gone
        self._require(event, is_new, "a worker of that name was there before")
        pool = self._expected(event, event.pool)
        pool.starting -= 1
        worker = Worker(event.worker, event.pool, is_hungry=True)
        self.workers[worker.name] = pool.crew[worker.name] = pool.waiting[worker.name] = worker

    def _on_start_failed(self, event: StartFailed) -> None:
        self._expected(event, event.pool).starting -= 1

    def _on_opened(self, event: UnitOpened) -> None:
        worker = self._known(event, event.worker)
        self._require(event, event.piece in worker.unopened, "the worker was not given that piece")
        self._require(event, event.tests >= 0, "a count is negative")
        since = float("inf") if worker.opened else event.at
        piece = worker.take(event.piece)
        if not piece.again:
            self.opened_tests += event.tests
        worker.opened[piece.id] = Opened(piece, event.tests, event.tests, since, event.unread)
        worker.is_hungry = False

    def _on_grew(self, event: UnitGrew) -> None:
        opened = self._opened(event, event.worker, event.piece)
        self._require(event, event.tests >= 0 and event.unread >= 0, "a count is negative")
        if not opened.piece.again:
            self.opened_tests += event.tests
        opened.tests += event.tests
        opened.left += event.tests
        opened.unread = event.unread

    def _on_finished(self, event: TestsFinished) -> None:
        opened = self._opened(event, event.worker, event.piece)
        self._require(event, 0 <= event.count <= opened.left, f"{opened.left} tests were left")
        opened.left -= event.count
        opened.done += event.count

    def _on_closed(self, event: UnitClosed) -> None:
        worker = self._known(event, event.worker)
        if event.piece in worker.unopened:  # it was told to forget the piece
            worker.take(event.piece)
            self._check_hunger(worker)
            return
        opened = self._opened(event, event.worker, event.piece)
        del worker.opened[event.piece]
        if opened.since <= event.at:
            stayed = (opened.done + opened.left) / opened.size if opened.size else 1.0
            self._spent += event.at - opened.since
            self._planned += opened.piece.seconds * stayed
        for following in worker.opened.values():
            following.since = min(following.since, event.at)
            break

    def _on_hungry(self, event: WorkerHungry) -> None:
        worker = self._known(event, event.worker)
        worker.is_hungry = True
        self._check_hunger(worker)

    def _on_unit_returned(self, event: UnitReturned) -> None:
        worker = self._known(event, event.worker)
        request = self._request(event, event.worker, event.piece)
        self._require(event, event.piece in worker.unopened, "the piece is open")
        worker.take_back(request.piece)
        self._give_back(request.piece)
        self._close(request)

    def _on_tests_returned(self, event: TestsReturned) -> None:
        worker = self._known(event, event.worker)
        request = self._request(event, event.worker, event.piece)
        self._require(event, event.count >= 0, "a count is negative")
        opened = worker.opened.get(event.piece)
        if not event.unread:
            self.moved_tests += event.count
        if event.count:
            seconds = event.count * self._per_test(opened, event.at) if opened else 0.0
            again = request.piece.again or not event.unread
            self._give_back(self._part(request.piece, seconds, event.tests, again=again))
        elif event.piece in worker.unopened:
            worker.opening.add(event.piece)
        if opened:
            self._shrink(opened, event)
        self._close(request)

    @staticmethod
    def _shrink(opened: Opened, event: TestsReturned) -> None:
        if event.unread:
            opened.unread = max(opened.unread - event.count, 0) if event.count else 0
            opened.given += event.count
        else:
            opened.left = max(opened.left - event.count, 0)
            opened.is_spent |= not event.count

    def _on_lost(self, event: WorkerLost) -> None:
        worker = self._known(event, event.worker)
        for remainder in event.remaining:
            self._opened(event, event.worker, remainder.piece)
            self._require(event, remainder.count > 0, "a count is not positive")
        self._forget(worker)
        for remainder in event.remaining:
            opened = worker.opened[remainder.piece]
            seconds = remainder.count * self._per_test(opened, event.at)
            self._give_back(self._part(opened.piece, seconds, remainder.payload, again=True))
        for piece in worker.unopened.values():
            if piece.id in event.dropped:
                self._unwanted.append(piece)
            else:
                self._give_back(piece)

    def _on_stopped(self, event: WorkerStopped) -> None:
        worker = self._known(event, event.worker)
        self._forget(worker)
        self._unwanted += (opened.piece for opened in worker.opened.values())
        for piece in worker.unopened.values():
            self._give_back(piece)

    def _on_sampled(self, event: WorkersSampled) -> None:
        self._require(event, 0 <= event.runnable <= event.busy, "the counts do not fit")

    def _on_scope_cancelled(self, event: ScopeCancelled) -> None:
        self._cancelled_scopes.add(event.scope)
        for pool in self.pools.values():
            self._unwanted += pool.queue.take_scope(event.scope)
            self._unwanted += pool.exclusive.take_scope(event.scope)

    def _on_pool_cancelled(self, event: PoolCancelled) -> None:
        self._cancelled_pools.add(event.pool)
        if event.pool in self.pools:
            self._empty(self.pools[event.pool])

    def _on_cancelled(self, _: Cancelled) -> None:
        self.is_cancelled = True
        for pool in self.pools.values():
            self._empty(pool)

    # -- parts of the above ----------------------------------------------------

    def _check_hunger(self, worker: Worker) -> None:
        if worker.is_hungry and not worker.unopened and not worker.is_released:
            self.pools[worker.pool].waiting.setdefault(worker.name, worker)

    def _close(self, request: Request) -> None:
        """Note that a request was answered, for both sides of it."""
        del self.requests[request.piece.id]
        worker = self.workers[request.worker]
        if request.thief is not None:
            worker.asked = False
            if request.thief in self.workers:
                self.workers[request.thief].asks = None
        self._check_hunger(worker)

    def _forget(self, worker: Worker) -> None:
        """Remove a worker that is gone, and the requests that it will not answer."""
        pool = self.pools[worker.pool]
        del self.workers[worker.name]
        self._gone.add(worker.name)
        pool.crew.pop(worker.name, None)
        pool.waiting.pop(worker.name, None)
        if not worker.is_released:
            pool.queue.move(worker.scope, None)
        if self.alone == worker.name:
            self.alone = None
        for request in tuple(self.requests.values()):
            if request.worker == worker.name:
                del self.requests[request.piece.id]
                if request.thief in self.workers:
                    self.workers[request.thief].asks = None

    def _give_back(self, piece: Piece) -> None:
        """Queue what came back, unless nobody wants it any more."""
        pool = self.pools[piece.unit.pool]
        if self.is_unwanted(piece):
            self._unwanted.append(piece)
        elif piece.unit.exclusive:
            pool.exclusive.push(piece)
        else:
            pool.queue.push_front(piece)

    def _empty(self, pool: Pool) -> None:
        self._unwanted += pool.queue.take_all()
        self._unwanted += pool.exclusive.take_all()

    def _part(self, piece: Piece, seconds: float, payload: Hashable, *, again: bool) -> Piece:
        self._next_id += 1
        return Piece(self._next_id, piece.unit, max(seconds, LEAST_SECONDS), payload, again)

    def _per_test(self, opened: Opened, at: float) -> float:
        """Return what a test was to be expected to cost, as we know now."""
        return opened.seconds_per_test(at, self.pace) / self.pace

    def _enqueue(self, units: tuple[Unit, ...], share: float) -> None:
        expected = expected_seconds(units)
        if len(expected) < len(units):
            raise ValueError("two units have the same id")
        self._next_id = max(expected, default=0)
        for unit in units:
            pool = self.pools.setdefault(unit.pool, Pool(unit.pool))
            seconds = expected[unit.id]
            piece = Piece(unit.id, unit, seconds)
            if unit.exclusive:
                pool.exclusive.push(piece)
                continue
            pool.queue.push(piece, parts(unit, seconds, share))
            if not unit.divisible and unit.seconds is not None:
                pool.floor = max(pool.floor, seconds)

    # -- what is legal ---------------------------------------------------------

    def _expected(self, event: Event, name: str) -> Pool:
        pool = self.pools.get(name)
        if pool is None or pool.starting < 1:
            raise self._illegal(event, "no worker was to be started in this pool")
        return pool

    def _known(self, event: Event, name: str) -> Worker:
        worker = self.workers.get(name)
        if worker is None:
            raise self._illegal(event, "nobody knows the worker")
        return worker

    def _opened(self, event: Event, name: str, piece: int) -> Opened:
        opened = self._known(event, name).opened.get(piece)
        if opened is None:
            raise self._illegal(event, "the piece is not open there")
        return opened

    def _request(self, event: Event, name: str, piece: int) -> Request:
        request = self.requests.get(piece)
        if request is None or request.worker != name:
            raise self._illegal(event, "the worker was not asked for the piece")
        return request

    def _require(self, event: Event, holds: bool, reason: str) -> None:
        if not holds:
            raise self._illegal(event, reason)

    def _illegal(self, event: Event, reason: str) -> IllegalEventError:
        return IllegalEventError(event, reason, tuple(self._story))


_HANDLERS: Final[dict[type[Any], Callable[[State, Any], None]]] = {
    WorkerReady: State._on_ready,
    StartFailed: State._on_start_failed,
    UnitOpened: State._on_opened,
    UnitGrew: State._on_grew,
    TestsFinished: State._on_finished,
    UnitClosed: State._on_closed,
    WorkerHungry: State._on_hungry,
    UnitReturned: State._on_unit_returned,
    TestsReturned: State._on_tests_returned,
    WorkerLost: State._on_lost,
    WorkerStopped: State._on_stopped,
    WorkersSampled: State._on_sampled,
    ScopeCancelled: State._on_scope_cancelled,
    PoolCancelled: State._on_pool_cancelled,
    Cancelled: State._on_cancelled,
}
