"""The coordinator: one event loop between the pipeline and those who do the work.

A fact is handed to the pipeline and to the writer at once, and what the pipeline
asks for is done. A unit with effects outside the run waits until all that led to it
is durable; the others do not, since after a crash they are simply done again.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, Final

from guild_plugins.engine.driver.work import Failed, Hands, Passed, Shop, Spent, Ticket, Usage
from guild_plugins.engine.driver.writing import Log, Writer
from guild_plugins.engine.pipeline.core import Pipeline
from guild_plugins.engine.pipeline.graph import UnitsIllegal
from guild_plugins.engine.pipeline.instructions import (
    Dismiss,
    End,
    Hire,
    Instruction,
    Start,
    Stop,
    Wake,
)
from guild_plugins.errors import GuildError
from guild_plugins.stages.events import fresh_id
from guild_plugins.stages.runs import (
    ClockTicked,
    RunCancelled,
    RunEnded,
    RunEvent,
    UnitFailed,
    UnitFinished,
    UnitLost,
    UnitMeasured,
    UnitStarted,
    WorkerJoined,
)

TELL_AFTER: Final = 1.0
"""Seconds after which a unit's use is told for the first time; then each as long again."""

Watch = Callable[[RunEvent, Pipeline], None]


class Driver:
    """Drives one run to its end.

    :param watch: Called after each fact, in the event loop.
    """

    def __init__(
        self, run: str, shop: Shop, log: Log, hands: Callable[[], Hands], watch: Watch
    ) -> None:
        self.run = run
        self.pipeline = Pipeline()
        self.ticks = 0.0
        """Seconds of processor time that the coordinator took to decide.

        Not by the clock: what other programs take from it is not its own.
        """
        self._shop, self._log, self._make_hands, self._watch = shop, log, hands, watch
        self._tasks: dict[tuple[str, int], asyncio.Task[Callable[..., RunEvent]]] = {}
        self._tickets: dict[tuple[str, int], Ticket] = {}
        self._hired = 0
        self._clock = _Clock()

    def recall(self, events: Iterable[RunEvent]) -> None:
        """Take over the state that facts of an earlier process give."""
        for event in events:
            self.pipeline.handle(event)
            self._shop.note(event)
            self._clock.set_after(event.at)

    async def drive(self, *first: RunEvent) -> End:
        """Go on from here until nothing is left to do, or until cancelled.

        :param first: The facts to begin with: that the run started, or was resumed.
        :raises GuildError: Facts cannot be kept.
        """
        self._hands = self._make_hands()
        self._writer = Writer(self._log)
        self._end: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        watching = [asyncio.ensure_future(self._measure()), asyncio.ensure_future(self._guard())]
        try:
            for event in first:
                self._tell(event)
            end = await self._end
            if end.is_complete:
                ended = partial(
                    RunEnded, passed=end.passed, failed=end.failed, left_out=end.left_out
                )
                self._tell(self._fact(ended))
            return end
        finally:
            for task in (*watching, *self._tasks.values()):
                task.cancel()
            await asyncio.gather(*watching, *self._tasks.values(), return_exceptions=True)
            await self._hands.close()
            await self._writer.close()

    def cancel(self, reason: str) -> None:
        """Stop what runs; the run can be resumed. A second call does not wait for anything."""
        if not self.pipeline.is_cancelled:
            self._tell(self._fact(partial(RunCancelled, reason=reason)))
        elif not self._end.done():
            self._end.set_result(End(0, 0, 0, is_complete=False))

    # -- facts ---------------------------------------------------------------------

    def _fact(self, kind: Callable[..., RunEvent]) -> RunEvent:
        return kind(id=fresh_id(), at=self._clock.now(), run=self.run)

    def _tell(self, event: RunEvent) -> None:
        begin = time.thread_time()
        said = self.pipeline.handle(event)
        self._writer.write(event)
        self._shop.note(event)
        for instruction in said:
            self._follow(instruction)
        self.ticks += time.thread_time() - begin
        self._watch(event, self.pipeline)

    def _follow(self, instruction: Instruction) -> None:
        match instruction:
            case Start() if self._end.done():
                pass  # the run is being left
            case Start():
                self._start(instruction)
            case Stop(unit, attempt):
                task = self._tasks.get((unit, attempt))
                if task is not None:
                    task.cancel()
            case Hire(count):
                for _ in range(count):
                    self._soon(self._join)
            case Wake(at):
                delay = max(0.0, at - self._clock.now())
                asyncio.get_running_loop().call_later(delay, self._tick, at)
            case Dismiss():
                pass  # a slot of this machine costs nothing
            case End():
                if not self._end.done():
                    self._end.set_result(instruction)

    def _soon(self, action: Callable[[], Any]) -> None:
        asyncio.get_running_loop().call_soon(action)

    def _join(self) -> None:
        if not self._end.done():
            self._hired += 1
            name = f"w{self._hired}"
            self._tell(self._fact(partial(WorkerJoined, worker=name)))

    def _tick(self, due: float) -> None:
        if not self._end.done():
            self._clock.set_after(due)
            self._tell(self._fact(ClockTicked))

    # -- units ---------------------------------------------------------------------

    def _start(self, start: Start) -> None:
        ticket = Ticket(start.unit, start.attempt, start.worker, self._clock.now())
        self._tickets[ticket.key] = ticket
        task = asyncio.ensure_future(self._carry_out(ticket))
        self._tasks[ticket.key] = task
        # Not in the task itself: one that is stopped before it began does nothing at all.
        task.add_done_callback(partial(self._done, ticket))

    def _done(self, ticket: Ticket, task: asyncio.Task[Callable[..., RunEvent]]) -> None:
        """Tell how an attempt ended."""
        del self._tasks[ticket.key], self._tickets[ticket.key]
        error = None if task.cancelled() else task.exception()
        if task.cancelled():
            told: Callable[..., RunEvent] = partial(UnitLost, reason="it was stopped")
        elif isinstance(error, GuildError):
            told = partial(UnitFailed, kind="refused", reason=error.explain(), chance=0.0)
        elif error is None:
            told = task.result()
        else:  # a bug, to be shown with its traceback
            if not self._end.done():
                self._end.set_exception(error)
            return
        about = {"unit": ticket.unit.id, "attempt": ticket.attempt}
        try:
            self._tell(self._fact(partial(told, **about)))
        except UnitsIllegal as illegal:
            failed = partial(UnitFailed, kind="refused", reason=str(illegal), chance=0.0)
            self._tell(self._fact(partial(failed, **about)))

    async def _carry_out(self, ticket: Ticket) -> Callable[..., RunEvent]:
        unit, attempt = ticket.unit, ticket.attempt
        if unit.lasting:
            await self._writer.flush()
        work, spent = self._shop.work(unit, attempt), Spent()
        try:
            step = next(work)
            while True:
                began, ticket.usage = partial(self._began, ticket), Usage()
                ended = await self._hands.carry_out(step, began, ticket.usage)
                spent.add(ended)
                if ended.is_lost:
                    reason = ended.broke or f"its process ended with {ended.code}"
                    return partial(UnitLost, reason=reason)
                step = work.send(ended)
        except StopIteration as stop:
            verdict: Passed | Failed = stop.value
        cpu, memory, result = spent.cpu, spent.memory, verdict.result
        if isinstance(verdict, Passed):
            return partial(UnitFinished, adds=verdict.adds, cpu=cpu, memory=memory, result=result)
        return partial(
            UnitFailed,
            kind=verdict.kind,
            reason=verdict.reason,
            chance=random.random(),  # noqa: S311 - spreads those that try again
            cpu=cpu,
            memory=memory,
            result=result,
        )

    def _began(self, ticket: Ticket, pid: int, since: int) -> None:
        started = partial(
            UnitStarted,
            unit=ticket.unit.id,
            attempt=ticket.attempt,
            worker=ticket.worker,
            pid=pid,
            since=since,
        )
        self._tell(self._fact(started))

    async def _measure(self) -> None:
        """Tell what units use that take long, less often the longer they take."""
        while True:
            await asyncio.sleep(TELL_AFTER / 2)
            now = self._clock.now()
            for ticket in list(self._tickets.values()):
                took = now - ticket.since
                if took >= max(TELL_AFTER, 2 * ticket.told) and ticket.usage.peak:
                    ticket.told = took
                    measured = partial(
                        UnitMeasured,
                        unit=ticket.unit.id,
                        attempt=ticket.attempt,
                        cpu=ticket.usage.need / took,
                        memory=ticket.usage.peak,
                    )
                    self._tell(self._fact(measured))

    async def _guard(self) -> None:
        """End the run where its facts cannot be kept."""
        await self._writer.failed.wait()
        with suppress(asyncio.InvalidStateError):
            self._end.set_result(End(0, 0, 0, is_complete=False))


class _Clock:
    """Seconds since 1970 that never go back, whatever the system's clock does."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        return time.monotonic() + self._offset

    def set_after(self, moment: float) -> None:
        """Go on from a moment, if it is not so late yet."""
        self._offset = max(self._offset, moment - time.monotonic())
