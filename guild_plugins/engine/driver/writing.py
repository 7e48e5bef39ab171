"""One thread writes the facts, in groups: whatever came while it wrote goes together.

The coordinator does not wait for it, but for what has effects outside the run. After
a crash the facts on disk are the first of those that there were, without a gap: what
came later is done again.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import Final, Protocol

from guild_plugins.stages.runs import (
    ClockTicked,
    RunEvent,
    UnitMeasured,
    UnitStarted,
    WorkerJoined,
)

TELEMETRY = (ClockTicked, UnitMeasured, UnitStarted, WorkerJoined)
"""Facts that are not worth waiting for the disk."""


SOON: Final = 0.05
"""Seconds after which facts are written that nobody waits for: fewer, larger groups."""


class Log(Protocol):
    """Where facts are kept."""

    def append(self, *events: RunEvent, durable: bool = True) -> None:
        """Add facts, all of them or none; durable when this returns."""


class Writer:
    """Writes facts in their order. Made and used in one event loop."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._items: deque[RunEvent | asyncio.Future[None] | None] = deque()
        self._is_wanted = threading.Event()
        self._error: BaseException | None = None
        self.failed = asyncio.Event()
        self._thread = threading.Thread(target=self._write_all, daemon=True)
        self._thread.start()

    def write(self, event: RunEvent) -> None:
        """Write a fact within `SOON`."""
        self._items.append(event)

    async def flush(self) -> None:
        """Wait until all that was written so far is durable.

        :raises GuildError: It could not be written.
        """
        done: asyncio.Future[None] = self._loop.create_future()
        self._items.append(done)
        self._is_wanted.set()
        await done

    async def close(self) -> None:
        """Write what is left, and end the thread.

        :raises GuildError: Something could not be written.
        """
        self._items.append(None)
        self._is_wanted.set()
        await asyncio.to_thread(self._thread.join)
        if self._error is not None:
            raise self._error

    def _write_all(self) -> None:
        is_open = True
        while is_open:
            self._is_wanted.wait(SOON)
            self._is_wanted.clear()  # before looking: what is wanted from now on wakes again
            items = [self._items.popleft() for _ in range(len(self._items))]
            is_open = None not in items
            self._write([item for item in items if isinstance(item, RunEvent)])
            for item in items:
                if isinstance(item, asyncio.Future):
                    self._loop.call_soon_threadsafe(_settle, item, self._error)

    def _write(self, events: list[RunEvent]) -> None:
        if not events or self._error is not None:
            return
        try:
            self._log.append(
                *events, durable=not all(isinstance(event, TELEMETRY) for event in events)
            )
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            self._error = error
            self._loop.call_soon_threadsafe(self.failed.set)


def _settle(waiting: asyncio.Future[None], error: BaseException | None) -> None:
    if waiting.done():
        return
    if error is None:
        waiting.set_result(None)
    else:
        waiting.set_exception(error)
