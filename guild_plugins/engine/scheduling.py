"""Which worker runs what, and when it may end.

A state machine: events in, instructions out; no I/O, no clock, no chance. The
rules, in the order in which they are applied after each event:

- A hungry worker gets work from the queue of its pool, and every worker holds
  one piece ahead of the one it runs (more, while pieces are very short).
- A worker stays in a visit while the queue has work of it, and does not enter it
  again, so that what lives for the visit is set up once. Only what comes back
  where every worker of the pool has left is run all the same.
- When the queue is empty, a hungry worker gets an unopened piece of the worker
  that would come to it last, else half of the open piece with most left in it.
  A worker owes one answer at a time, and waits for one answer at a time.
- When nothing can be had, it is released: it runs the test that it holds back,
  and ends. It waits only while an answer is due, while a piece is just being
  opened that will be worth dividing, or while a file that nobody has timed may
  prove long.
- A free slot goes to the pool that has work and no worker, then to the one with
  most work for each worker, as long as a worker is worth its start. There are
  no more slots than the cores can feed.
- When nothing else runs, exclusive scopes run, one worker at a time.

What is said: `messages`. What is known: `state`. What is next: `queues`. Whom to
ask: `workers`. What is worth a worker: `sizing`. What the cores bear: `width`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from guild_plugins.engine.messages import (
    Assign,
    Divide,
    Drop,
    Event,
    Instruction,
    Piece,
    Recall,
    Release,
    StartWorker,
    TestsFinished,
    TestsReturned,
    Unit,
    UnitClosed,
    UnitOpened,
    UnitReturned,
    WorkerHungry,
    WorkerReady,
    WorkersSampled,
)
from guild_plugins.engine.pools import Pool, Request
from guild_plugins.engine.sizing import deserves_worker
from guild_plugins.engine.state import State
from guild_plugins.engine.width import Width
from guild_plugins.engine.workers import Thrift, Worker, divide_from, recall_from

MOVED_SHARE: Final = 0.015
"""The part of all tests that may be collected twice for a small gain."""

MOVED_WORTH: Final = 0.15
"""What moving more than that must save, in parts of the time since the start."""

STARTUP_SECONDS: Final = 1.0
"""What it costs to start a worker: an interpreter, pytest and the root conftest."""

COLLECT_SECONDS: Final = 0.15
"""What it costs to collect a file once more in another worker."""

AHEAD_SECONDS: Final = 0.3
"""Work that a worker holds ahead, while pieces are shorter than that.

Much more than a round trip, so that no worker starves; much less than a suite,
so that little has to be recalled.
"""

AHEAD_PIECES: Final = 8
"""Pieces that a worker holds ahead at most; one, when fewer are left for each."""


class Scheduler:
    """Divides units among workers that come, ask, give back, crash and go.

    :param limit: How many workers may live at once.
    :param cores: How many of them the cores can feed if all compute; None for all.
    :param share: See `Width`.
    :param startup: Seconds that a worker costs before it does anything.
    :param collect: Seconds that it costs to collect a file a second time.
    """

    def __init__(
        self,
        units: Iterable[Unit],
        *,
        limit: int,
        cores: int | None = None,
        share: float | None = None,
        startup: float = STARTUP_SECONDS,
        collect: float = COLLECT_SECONDS,
    ) -> None:
        if limit < 1:
            raise ValueError(f"limit is {limit}, but at least one worker is needed")
        self.width = Width(limit, limit if cores is None else cores, share)
        self.startup = startup
        self.collect = collect
        self._state = State(units, share=startup + collect)
        self._said: list[Instruction] = []
        self._began = 0.0

    @property
    def is_finished(self) -> bool:
        """Nothing waits, nothing runs, and no worker is left."""
        return not self._state.workers and not any(
            pool.starting or pool.queue or pool.exclusive for pool in self._state.pools.values()
        )

    def begin(self, at: float) -> list[Instruction]:
        """Return what to do first: how many workers to start, and for which pools."""
        self._began = at
        self._settle_all(at)
        return self._answer()

    def handle(self, event: Event) -> list[Instruction]:
        """Apply one event and return what to do next.

        What a lost or ended worker had still to say is late, not wrong: it
        changes nothing.

        :raises IllegalEventError: The event cannot follow the ones before it.
            Nothing has changed.
        """
        if self._state.apply(event):
            self._react(event)
        return self._answer()

    # -- rules -----------------------------------------------------------------

    def _react(self, event: Event) -> None:
        if isinstance(event, TestsFinished):
            pool = self._pool(self._state.workers[event.worker])
            if pool.waiting:
                self._settle(pool, event.at)
            return
        if isinstance(event, WorkersSampled):
            self.width.note(event.busy, event.runnable)
            self._staff()
            return
        unwanted = self._state.take_unwanted()
        if unwanted:
            self._said.append(Drop(unwanted))
        if self._state.is_cancelled:
            self._release_all()
        elif isinstance(event, WorkerReady | WorkerHungry | UnitOpened | UnitClosed):
            worker = self._state.workers[event.worker]
            self._settle(self._pool(worker), event.at, worker)
        elif isinstance(event, UnitReturned | TestsReturned):
            self._settle(self._pool(self._state.workers[event.worker]), event.at)
            self._staff()
        else:
            self._recall_unwanted()
            self._settle_all(event.at)

    def _thrift(self, at: float) -> Thrift:
        free = int(MOVED_SHARE * self._state.opened_tests) - self._state.moved_tests
        return Thrift(self.collect, free, MOVED_WORTH * (at - self._began))

    def _settle_all(self, at: float) -> None:
        for pool in self._state.pools.values():
            self._settle(pool, at)
        self._staff()
        self._go_alone()

    def _settle(self, pool: Pool, at: float, changed: Worker | None = None) -> None:
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
            if worker.asks is None and not self._ask(pool, worker, at) and not worker.entered:
                break  # what cannot be had for one cannot be had for the next
        if not self._may_hope(pool):
            self._dismiss(pool)

    def _feed(self, pool: Pool, worker: Worker) -> None:
        """Fill the worker's queue from that of its pool."""
        while self._wants_more(pool, worker):
            piece = pool.queue.pop_opener(pool.size) if worker.scope is None else None
            piece = piece or self._pop(pool, worker)
            if piece is None and worker.name == self._state.alone:
                piece = pool.exclusive.pop()
            if piece is None:
                return
            pool.queue.move(worker.scope, piece.unit.scope)
            worker.scope = piece.unit.scope
            worker.give(piece)
            pool.waiting.pop(worker.name, None)
            self._said.append(Assign(worker.name, piece))

    @staticmethod
    def _pop(pool: Pool, worker: Worker) -> Piece | None:
        def may_take(piece: Piece) -> bool:
            if worker.may_enter(piece):
                return True
            return not pool.starting and not any(w.may_enter(piece) for w in pool.crew.values())

        return pool.queue.pop(worker.scope, pool.size, worker.trail, may_take)

    def _wants_more(self, pool: Pool, worker: Worker) -> bool:
        if not worker.unopened:
            return True
        return (
            len(worker.unopened) < AHEAD_PIECES
            and len(pool.queue) > AHEAD_PIECES * len(pool.crew)
            and worker.ahead * self._state.pace < AHEAD_SECONDS
        )

    def _ask(self, pool: Pool, thief: Worker, at: float) -> bool:
        """Ask another worker for work on behalf of one that has none."""
        pace = self._state.pace
        crew = [worker for worker in pool.crew.values() if not worker.asked]

        def may_move(piece: Piece) -> bool:
            return self._state.may_move(piece) and thief.may_enter(piece)

        request: Recall | Divide | None = recall_from(crew, at, pace, may_move)
        if request is None:
            request = divide_from(crew, at, pace, may_move, self._thrift(at))
        if request is None:
            return False
        self._state.workers[request.worker].asked = True
        thief.asks = request.piece
        self._send(request, thief.name)
        return True

    def _send(self, request: Recall | Divide, thief: str | None) -> None:
        worker = self._state.workers[request.worker]
        opened = worker.opened.get(request.piece)
        piece = opened.piece if opened else worker.unopened[request.piece]
        self._state.requests[request.piece] = Request(worker.name, piece, thief)
        self._said.append(request)

    def _may_hope(self, pool: Pool) -> bool:
        """Tell whether those who wait may yet get something from another worker."""
        pace, may_move = self._state.pace, self._state.may_move
        return any(
            worker.asked
            or worker.is_about_to_open(self.collect, pace, may_move)
            or worker.may_prove_long(may_move)
            for worker in pool.crew.values()
        )

    def _dismiss(self, pool: Pool) -> None:
        """Release those who wait for nothing, but keep one where exclusive work is left.

        None is kept where another pool needs the slot.
        """
        is_short = any(other.queue and not other.size for other in self._state.pools.values())
        for worker in tuple(pool.waiting.values()):
            if is_short or pool.size > 1 or not pool.exclusive:
                self._release(worker)
        self._go_alone()

    def _staff(self) -> None:
        """Give free slots away, where a worker is worth its start."""
        while self._slots() > 0:
            pools = filter(self._deserves, self._state.pools.values())
            pool = max(pools, key=_need, default=None)
            if pool is None:
                return
            self._start(pool)

    def _deserves(self, pool: Pool) -> bool:
        if not pool.queue or pool.starting >= pool.queue.parts:
            return False
        seconds = pool.queue.seconds * self._state.pace
        return deserves_worker(seconds, pool.size, startup=self.startup, floor=pool.floor)

    def _go_alone(self) -> None:
        """Let one worker begin with exclusive work, if nobody else does anything."""
        pools = self._state.pools.values()
        if self._state.alone is not None or self._state.starting:
            return
        if any(pool.queue or len(pool.crew) > len(pool.waiting) for pool in pools):
            return
        if len(self._state.workers) > sum(len(pool.crew) for pool in pools):
            return  # one that was released has still something to run
        todo = [pool for pool in pools if pool.exclusive]
        if not todo:
            return
        pool = next((pool for pool in todo if pool.waiting), todo[0])
        if pool.waiting:
            worker = next(iter(pool.waiting.values()))
            self._state.alone = worker.name
            self._feed(pool, worker)
        elif self._slots() > 0:
            self._start(pool)

    def _recall_unwanted(self) -> None:
        """Ask for every piece that was given away and is cancelled since."""
        for worker in self._state.workers.values():
            for piece in worker.unopened.values():
                if self._state.is_unwanted(piece) and piece.id not in self._state.requests:
                    self._send(Recall(worker.name, piece.id), None)

    # -- parts of the above ----------------------------------------------------

    def _pool(self, worker: Worker) -> Pool:
        return self._state.pools[worker.pool]

    def _slots(self) -> int:
        return self.width.workers - len(self._state.workers) - self._state.starting

    def _start(self, pool: Pool) -> None:
        pool.starting += 1
        self._said.append(StartWorker(pool.name))

    def _release_all(self) -> None:
        for pool in self._state.pools.values():
            for worker in tuple(pool.crew.values()):
                self._release(worker)

    def _release(self, worker: Worker) -> None:
        pool = self._pool(worker)
        worker.is_released = True
        del pool.crew[worker.name]
        pool.waiting.pop(worker.name, None)
        pool.queue.move(worker.scope, None)
        self._said.append(Release(worker.name))

    def _answer(self) -> list[Instruction]:
        said, self._said = self._said, []
        return said


def _need(pool: Pool) -> tuple[bool, float]:
    return (not pool.size, pool.queue.seconds / max(pool.size, 1))
