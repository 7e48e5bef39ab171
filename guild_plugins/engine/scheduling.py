"""Which worker runs what, and when it may end.

A state machine: events in, instructions out; no I/O, no clock, no chance. The
rules, in the order in which they are applied after each event:

- A hungry worker gets work from the queue of its pool, and every worker holds
  one piece ahead of the one it runs (more, while pieces are very short).
- When the queue is empty, a hungry worker gets an unopened piece of the worker
  that would come to it last, else half of the open piece with most left in it.
  A worker owes one answer at a time, and waits for one answer at a time.
- When nothing can be had, it is released: it runs the test that it holds back,
  and ends. It waits only while an answer is due, or while a piece is just being
  opened that will be worth dividing.
- A free slot goes to the pool that has work and no worker, then to the one with
  most work for each worker, as long as a worker is worth its start.
- When nothing else runs, exclusive scopes run, one worker at a time.

What it says: `messages`. What is next: `queues`. Whom to ask: `workers`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from guild_plugins.engine.messages import (
    Assign,
    Cancelled,
    Divide,
    Drop,
    Event,
    IllegalEventError,
    Instruction,
    Piece,
    PoolCancelled,
    Recall,
    Release,
    ScopeCancelled,
    StartFailed,
    StartWorker,
    TestsFinished,
    TestsReturned,
    Unit,
    UnitClosed,
    UnitOpened,
    UnitReturned,
    WorkerHungry,
    WorkerLost,
    WorkerReady,
    WorkerStopped,
)
from guild_plugins.engine.queues import ExclusiveQueue, PoolQueue
from guild_plugins.engine.sizing import LEAST_SECONDS, deserves_worker, expected_seconds, parts
from guild_plugins.engine.workers import Opened, Worker, divide_from, recall_from

STARTUP_SECONDS: Final = 1.0
"""What it costs to start a worker: an interpreter, pytest and the root conftest."""

COLLECT_SECONDS: Final = 0.15
"""What it costs to collect a file once more in another worker."""

AHEAD_SECONDS: Final = 0.3
"""Work that a worker holds ahead, while pieces are shorter than that."""

AHEAD_PIECES: Final = 8
"""Pieces that a worker holds ahead at most."""

STORY: Final = 30
"""Events that an error tells."""


@dataclass(slots=True)
class _Pool:
    """One environment: what waits for it and who is in it.

    :param waiting: Hungry workers without an answer, the hungriest first.
    """

    name: str
    queue: PoolQueue = field(default_factory=PoolQueue)
    exclusive: ExclusiveQueue = field(default_factory=ExclusiveQueue)
    crew: dict[str, Worker] = field(default_factory=dict)
    waiting: dict[str, Worker] = field(default_factory=dict)
    starting: int = 0
    floor: float = 0.0

    @property
    def size(self) -> int:
        return len(self.crew) + self.starting


@dataclass(frozen=True, slots=True)
class _Request:
    """A recall or a division that was not answered yet."""

    worker: str
    piece: Piece
    thief: str | None


class Scheduler:
    """Divides units among workers that come, ask, give back, crash and go.

    :param limit: How many workers may live at once.
    :param startup: Seconds that a worker costs before it does anything.
    :param collect: Seconds that it costs to collect a file a second time.
    """

    def __init__(
        self,
        units: Iterable[Unit],
        *,
        limit: int,
        startup: float = STARTUP_SECONDS,
        collect: float = COLLECT_SECONDS,
    ) -> None:
        if limit < 1:
            raise ValueError(f"limit is {limit}, but at least one worker is needed")
        self.limit = limit
        self.startup = startup
        self.collect = collect
        self._pools: dict[str, _Pool] = {}
        self._workers: dict[str, Worker] = {}
        self._gone: set[str] = set()
        self._requests: dict[int, _Request] = {}
        self._story: deque[Event] = deque(maxlen=STORY)
        self._said: list[Instruction] = []
        self._alone: str | None = None
        self._cancelled_scopes: set[str] = set()
        self._cancelled_pools: set[str] = set()
        self._is_cancelled = False
        self._spent = self._planned = startup or STARTUP_SECONDS
        self._next_id = 0
        self._enqueue(tuple(units))

    # -- what others use -------------------------------------------------------

    @property
    def is_finished(self) -> bool:
        """Nothing waits, nothing runs, and no worker is left."""
        return not self._workers and not any(
            pool.starting or pool.queue or pool.exclusive for pool in self._pools.values()
        )

    def begin(self, at: float) -> list[Instruction]:
        """Return what to do first: how many workers to start, and for which pools."""
        self._settle_all(at)
        return self._answer()

    def handle(self, event: Event) -> list[Instruction]:
        """Apply one event and return what to do next.

        What a lost or ended worker had still to say is late, not wrong: it
        changes nothing.

        :raises IllegalEventError: The event cannot follow the ones before it. Nothing
            has changed.
        """
        if type(event) is WorkerReady or getattr(event, "worker", None) not in self._gone:
            _HANDLERS[type(event)](self, event)
            self._story.append(event)
        return self._answer()

    # -- events ----------------------------------------------------------------

    def _on_ready(self, event: WorkerReady) -> None:
        pool = self._pools.get(event.pool)
        is_new = event.worker not in self._workers and event.worker not in self._gone
        self._require(event, is_new, "a worker of that name was there before")
        if pool is None or pool.starting < 1:
            raise self._illegal(event, "no worker was to be started in this pool")
        pool.starting -= 1
        worker = self._workers[event.worker] = Worker(event.worker, event.pool, is_hungry=True)
        if self._is_cancelled:
            self._release(worker)
            return
        pool.crew[worker.name] = worker
        pool.waiting[worker.name] = worker
        self._settle(pool, event.at)

    def _on_start_failed(self, event: StartFailed) -> None:
        pool = self._pools.get(event.pool)
        if pool is None or pool.starting < 1:
            raise self._illegal(event, "no worker was to be started in this pool")
        pool.starting -= 1
        self._settle_all(event.at)

    def _on_opened(self, event: UnitOpened) -> None:
        worker = self._known(event, event.worker)
        self._require(event, event.piece in worker.unopened, "the worker was not given that piece")
        self._require(event, event.tests >= 0, "a count is negative")
        since = float("inf") if worker.opened else event.at
        piece = worker.take(event.piece)
        worker.opened[piece.id] = Opened(piece, event.tests, event.tests, since)
        worker.is_hungry = False
        self._settle(self._pools[worker.pool], event.at, worker)

    def _on_finished(self, event: TestsFinished) -> None:
        opened = self._opened(event, event.worker, event.piece)
        self._require(event, 0 <= event.count <= opened.left, f"{opened.left} tests were left")
        opened.left -= event.count
        opened.done += event.count

    def _on_closed(self, event: UnitClosed) -> None:
        opened = self._opened(event, event.worker, event.piece)
        worker = self._workers[event.worker]
        del worker.opened[event.piece]
        if opened.since <= event.at:
            stayed = (opened.done + opened.left) / opened.tests if opened.tests else 1.0
            self._spent += event.at - opened.since
            self._planned += opened.piece.seconds * stayed
        for following in worker.opened.values():
            following.since = min(following.since, event.at)
            break

    def _on_hungry(self, event: WorkerHungry) -> None:
        worker = self._known(event, event.worker)
        if worker.is_hungry or worker.is_released:
            return  # said before, or answered before it was said
        worker.is_hungry = True
        pool = self._pools[worker.pool]
        if not worker.unopened:  # else the answer is on its way
            pool.waiting[worker.name] = worker
        self._settle(pool, event.at, worker)

    def _on_unit_returned(self, event: UnitReturned) -> None:
        worker = self._known(event, event.worker)
        request = self._request(event, event.worker, event.piece)
        self._require(event, event.piece in worker.unopened, "the piece is open")
        worker.take(event.piece)
        self._give_back((request.piece,))
        self._answered(request, event.at)

    def _on_tests_returned(self, event: TestsReturned) -> None:
        worker = self._known(event, event.worker)
        request = self._request(event, event.worker, event.piece)
        self._require(event, event.count >= 0, "a count is negative")
        opened = worker.opened.get(event.piece)
        if event.count:
            seconds = event.count * self._per_test(opened, event.at) if opened else 0.0
            self._give_back((self._part(request.piece, seconds, event.tests),))
        elif event.piece in worker.unopened:
            worker.opening.add(event.piece)
        if opened:
            opened.left = max(opened.left - event.count, 0)
            opened.is_spent |= not event.count
        self._answered(request, event.at)

    def _on_lost(self, event: WorkerLost) -> None:
        worker = self._known(event, event.worker)
        for remainder in event.remaining:
            self._opened(event, event.worker, remainder.piece)
            self._require(event, remainder.count > 0, "a count is not positive")
        self._forget(worker)
        again = []
        for left in event.remaining:
            opened = worker.opened[left.piece]
            seconds = left.count * self._per_test(opened, event.at)
            again.append(self._part(opened.piece, seconds, left.payload))
        again += [piece for piece in worker.unopened.values() if piece.id not in event.dropped]
        self._drop(piece for piece in worker.unopened.values() if piece.id in event.dropped)
        self._give_back(again)
        self._settle_all(event.at)

    def _on_stopped(self, event: WorkerStopped) -> None:
        worker = self._known(event, event.worker)
        self._forget(worker)
        self._drop(opened.piece for opened in worker.opened.values())
        self._give_back(worker.unopened.values())
        self._settle_all(event.at)

    def _on_scope_cancelled(self, event: ScopeCancelled) -> None:
        self._cancelled_scopes.add(event.scope)
        for pool in self._pools.values():
            self._drop(pool.queue.take_scope(event.scope) + pool.exclusive.take_scope(event.scope))
        self._recall_unwanted(event.at)

    def _on_pool_cancelled(self, event: PoolCancelled) -> None:
        self._cancelled_pools.add(event.pool)
        pool = self._pools.get(event.pool)
        if pool is not None:
            self._drop(pool.queue.take_all() + pool.exclusive.take_all())
        self._recall_unwanted(event.at)

    def _on_cancelled(self, _: Cancelled) -> None:
        self._is_cancelled = True
        for pool in self._pools.values():
            self._drop(pool.queue.take_all() + pool.exclusive.take_all())
            for worker in tuple(pool.crew.values()):
                self._release(worker)

    # -- rules -----------------------------------------------------------------

    def _settle_all(self, at: float) -> None:
        for pool in self._pools.values():
            self._settle(pool, at)
        self._staff()
        self._go_alone()

    def _settle(self, pool: _Pool, at: float, changed: Worker | None = None) -> None:
        """Answer those who wait, and keep everyone one piece ahead.

        :param changed: The one worker whose queue changed; None for any.
        """
        for worker in tuple(pool.waiting.values()):
            self._feed(pool, worker)
        if pool.queue or pool.exclusive:
            for worker in (changed,) if changed else tuple(pool.crew.values()):
                if not worker.is_released:
                    self._feed(pool, worker)
        if not pool.waiting:
            return
        for worker in tuple(pool.waiting.values()):
            if worker.asks is None and not self._ask(pool, worker, at):
                break  # what cannot be had for one cannot be had for the next
        if not self._may_hope(pool):
            self._dismiss(pool)

    def _feed(self, pool: _Pool, worker: Worker) -> None:
        """Fill the worker's queue from that of its pool."""
        while self._wants_more(pool, worker):
            piece = pool.queue.pop(worker.scope, pool.size)
            if piece is None and worker.name == self._alone:
                piece = pool.exclusive.pop()
            if piece is None:
                return
            pool.queue.move(worker.scope, piece.unit.scope)
            worker.scope = piece.unit.scope
            worker.give(piece)
            pool.waiting.pop(worker.name, None)
            self._said.append(Assign(worker.name, piece))

    def _wants_more(self, pool: _Pool, worker: Worker) -> bool:
        if not worker.unopened:
            return True
        return (
            len(worker.unopened) < AHEAD_PIECES
            and len(pool.queue) > AHEAD_PIECES * len(pool.crew)
            and worker.ahead * self._pace < AHEAD_SECONDS
        )

    def _ask(self, pool: _Pool, thief: Worker, at: float) -> bool:
        """Ask another worker for work on behalf of one that has none."""
        crew = [worker for worker in pool.crew.values() if not worker.asked]
        request: Recall | Divide | None = recall_from(crew, at, self._pace, self._may_move)
        if request is None:
            request = divide_from(crew, at, self._pace, self._may_move, self.collect)
        if request is None:
            return False
        thief.asks = request.piece
        self._send(request, thief.name)
        return True

    def _send(self, request: Recall | Divide, thief: str | None) -> None:
        worker = self._workers[request.worker]
        worker.asked = worker.asked or thief is not None
        opened = worker.opened.get(request.piece)
        piece = opened.piece if opened else worker.unopened[request.piece]
        self._requests[request.piece] = _Request(worker.name, piece, thief)
        self._said.append(request)

    def _may_hope(self, pool: _Pool) -> bool:
        """Tell whether those who wait may yet get something without a new event of theirs."""
        return any(
            worker.asked or worker.is_about_to_open(self.collect, self._pace, self._may_move)
            for worker in pool.crew.values()
        )

    def _may_move(self, piece: Piece) -> bool:
        return not piece.unit.exclusive and not self._is_unwanted(piece)

    def _dismiss(self, pool: _Pool) -> None:
        """Release those who wait for nothing, but keep one where exclusive work is left."""
        for worker in tuple(pool.waiting.values()):
            is_last = pool.size == 1 and pool.exclusive and not self._starved()
            if not is_last:
                self._release(worker)
        self._go_alone()

    def _starved(self) -> list[_Pool]:
        """Return the pools that have work and nobody to do it."""
        return [pool for pool in self._pools.values() if pool.queue and not pool.size]

    def _staff(self) -> None:
        """Give free slots away, where a worker is worth its start."""
        while self._slots() > 0:
            pool = max(filter(self._deserves, self._pools.values()), key=_need, default=None)
            if pool is None:
                return
            self._start(pool)
        if self._starved():
            for pool in self._pools.values():
                if pool.waiting and not self._may_hope(pool):
                    self._dismiss(pool)

    def _deserves(self, pool: _Pool) -> bool:
        if not pool.queue or pool.starting >= pool.queue.parts:
            return False
        seconds = pool.queue.seconds * self._pace
        return deserves_worker(seconds, pool.size, startup=self.startup, floor=pool.floor)

    def _go_alone(self) -> None:
        """Let one worker begin with exclusive work, if nobody else does anything."""
        if self._alone is not None or any(pool.queue for pool in self._pools.values()):
            return
        waiting = sum(len(pool.waiting) for pool in self._pools.values())
        starting = sum(pool.starting for pool in self._pools.values())
        if starting or len(self._workers) > waiting:
            return
        todo = [pool for pool in self._pools.values() if pool.exclusive]
        if not todo:
            return
        pool = next((pool for pool in todo if pool.waiting), todo[0])
        if pool.waiting:
            worker = next(iter(pool.waiting.values()))
            self._alone = worker.name
            self._feed(pool, worker)
        elif self._slots() > 0:
            self._start(pool)

    # -- parts of the above ----------------------------------------------------

    @property
    def _pace(self) -> float:
        """How long work takes, in parts of what was expected."""
        return self._spent / self._planned

    def _slots(self) -> int:
        starting = sum(pool.starting for pool in self._pools.values())
        return self.limit - len(self._workers) - starting

    def _start(self, pool: _Pool) -> None:
        pool.starting += 1
        self._said.append(StartWorker(pool.name))

    def _release(self, worker: Worker) -> None:
        pool = self._pools[worker.pool]
        worker.is_released = True
        pool.crew.pop(worker.name, None)
        pool.waiting.pop(worker.name, None)
        pool.queue.move(worker.scope, None)
        self._said.append(Release(worker.name))

    def _forget(self, worker: Worker) -> None:
        """Remove a worker that is gone, with the requests it owes and those made for it."""
        pool = self._pools[worker.pool]
        del self._workers[worker.name]
        self._gone.add(worker.name)
        pool.crew.pop(worker.name, None)
        pool.waiting.pop(worker.name, None)
        if not worker.is_released:
            pool.queue.move(worker.scope, None)
        if self._alone == worker.name:
            self._alone = None
        for request in tuple(self._requests.values()):
            if request.worker == worker.name:
                del self._requests[request.piece.id]
                if request.thief in self._workers:
                    self._workers[request.thief].asks = None

    def _recall_unwanted(self, at: float) -> None:
        """Ask for every piece that was given away and is cancelled since."""
        for pool in self._pools.values():
            for worker in pool.crew.values():
                for piece in worker.unopened.values():
                    if self._is_unwanted(piece) and piece.id not in self._requests:
                        self._send(Recall(worker.name, piece.id), None)
        self._settle_all(at)

    def _is_unwanted(self, piece: Piece) -> bool:
        return (
            self._is_cancelled
            or piece.unit.scope in self._cancelled_scopes
            or piece.unit.pool in self._cancelled_pools
        )

    def _give_back(self, pieces: Iterable[Piece]) -> None:
        """Queue what came back, unless nobody wants it any more."""
        unwanted = []
        for piece in pieces:
            pool = self._pools[piece.unit.pool]
            if self._is_unwanted(piece):
                unwanted.append(piece)
            elif piece.unit.exclusive:
                pool.exclusive.push(piece)
            else:
                pool.queue.push_front(piece)
        self._drop(unwanted)

    def _answered(self, request: _Request, at: float) -> None:
        """Close a request and see to both sides of it."""
        del self._requests[request.piece.id]
        worker = self._workers[request.worker]
        pool = self._pools[worker.pool]
        if request.thief is not None:
            worker.asked = False
            thief = self._workers.get(request.thief)
            if thief is not None:
                thief.asks = None
                if thief.name in pool.waiting:
                    self._feed(pool, thief)
        if worker.is_hungry and not worker.unopened and not worker.is_released:
            pool.waiting[worker.name] = worker  # its answer was taken from it
        self._settle(pool, at)
        self._staff()

    def _part(self, piece: Piece, seconds: float, payload: Hashable) -> Piece:
        self._next_id += 1
        return Piece(self._next_id, piece.unit, max(seconds, LEAST_SECONDS), payload)

    def _per_test(self, opened: Opened, at: float) -> float:
        """Return what a test was to be expected to cost, as we know now."""
        return opened.seconds_per_test(at, self._pace) / self._pace

    def _drop(self, pieces: Iterable[Piece]) -> None:
        dropped = tuple(pieces)
        if dropped:
            self._said.append(Drop(dropped))

    def _answer(self) -> list[Instruction]:
        said, self._said = self._said, []
        return said

    def _enqueue(self, units: tuple[Unit, ...]) -> None:
        expected = expected_seconds(units)
        if len(expected) < len(units):
            raise ValueError("two units have the same id")
        self._next_id = max(expected, default=0)
        for unit in units:
            pool = self._pools.setdefault(unit.pool, _Pool(unit.pool))
            seconds = expected[unit.id]
            piece = Piece(unit.id, unit, seconds)
            if unit.exclusive:
                pool.exclusive.push(piece)
                continue
            pool.queue.push(piece, parts(unit, seconds, self.startup + self.collect))
            if not unit.divisible and unit.seconds is not None:
                pool.floor = max(pool.floor, seconds)

    # -- what is legal ---------------------------------------------------------

    def _known(self, event: Event, name: str) -> Worker:
        worker = self._workers.get(name)
        if worker is None:
            raise self._illegal(event, "nobody knows the worker")
        return worker

    def _opened(self, event: Event, name: str, piece: int) -> Opened:
        opened = self._known(event, name).opened.get(piece)
        if opened is None:
            raise self._illegal(event, "the piece is not open there")
        return opened

    def _request(self, event: Event, name: str, piece: int) -> _Request:
        request = self._requests.get(piece)
        if request is None or request.worker != name:
            raise self._illegal(event, "the worker was not asked for the piece")
        return request

    def _require(self, event: Event, holds: bool, reason: str) -> None:
        if not holds:
            raise self._illegal(event, reason)

    def _illegal(self, event: Event, reason: str) -> IllegalEventError:
        return IllegalEventError(event, reason, tuple(self._story))


def _need(pool: _Pool) -> tuple[bool, float]:
    return (not pool.size, pool.queue.seconds / max(pool.size, 1))


_HANDLERS: Final[dict[type[Any], Callable[[Scheduler, Any], None]]] = {
    WorkerReady: Scheduler._on_ready,
    StartFailed: Scheduler._on_start_failed,
    UnitOpened: Scheduler._on_opened,
    TestsFinished: Scheduler._on_finished,
    UnitClosed: Scheduler._on_closed,
    WorkerHungry: Scheduler._on_hungry,
    UnitReturned: Scheduler._on_unit_returned,
    TestsReturned: Scheduler._on_tests_returned,
    WorkerLost: Scheduler._on_lost,
    WorkerStopped: Scheduler._on_stopped,
    ScopeCancelled: Scheduler._on_scope_cancelled,
    PoolCancelled: Scheduler._on_pool_cancelled,
    Cancelled: Scheduler._on_cancelled,
}
