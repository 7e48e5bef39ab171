"""Telling plugins of facts, after they were written: `guild_event`.

A process of its own does it, so that a handler that hangs or crashes costs the run
nothing. Facts come in order, each once; after an interruption those that were told
before may be told again.
"""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from guild_plugins.engine.driver.warming import WarmProcess
from guild_plugins.engine.driver.work import Call
from guild_plugins.engine.driver.writing import Log
from guild_plugins.plugins.running.asked import TELL
from guild_plugins.stages.runs import RunEvent

LEAVE: Final = 10.0
"""Seconds that handlers have, when the run is over, for what is left."""

MOST: Final = 500
"""Facts that are told at one go."""

RESTARTS: Final = 2
"""Times that a process is started again that a handler ended."""


class Herald:
    """Tells of one run's facts. Made in the event loop, and closed there.

    :param top: The clone that is worked on: nothing in it is a plugin.
    :param faults: Where faults of handlers are added.
    """

    def __init__(
        self, top: Path, environ: Mapping[str, str], log: Path, faults: dict[str, None]
    ) -> None:
        self._top, self._environ, self._log, self._faults = top, environ, log, faults
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[RunEvent | None] = asyncio.Queue()
        self._process: WarmProcess | None = None
        self._starts = 0
        self._task = asyncio.ensure_future(self._tell_all())

    def hear(self, *events: RunEvent) -> None:
        """Tell of facts soon; from any thread."""
        for event in events:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, event)

    async def close(self) -> None:
        """Tell what is left, and end."""
        self._loop.call_soon_threadsafe(self._queue.put_nowait, None)
        try:
            async with asyncio.timeout(LEAVE):
                await self._task
        except TimeoutError:
            self._blame("handlers of guild_event were not done when the run was over")
        finally:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            if self._process is not None:
                self._process.end()

    async def _tell_all(self) -> None:
        is_open = True
        while is_open:
            events = [await self._queue.get()]
            while not self._queue.empty() and len(events) < MOST:
                events.append(self._queue.get_nowait())
            is_open = None not in events
            facts = [event for event in events if event is not None]
            if facts and self._starts <= RESTARTS:
                await self._tell(facts)

    async def _tell(self, events: Sequence[RunEvent]) -> None:
        if self._process is None:
            self._starts += 1
            self._process = WarmProcess(self._environ)
        payload = pickle.dumps((str(self._top), tuple(events)))
        call = Call(function=TELL, payload=payload, log=self._log)
        answer = await self._process.call(call)
        if answer is None:
            code, self._process = self._process.end(), None
            self._blame(f"a handler of guild_event ended its process with {code}")
        elif answer[0]:
            for fault in pickle.loads(answer[1]):  # noqa: S301 - our own process
                self._blame(fault)
        else:
            self._blame(answer[1].decode("utf-8", "replace"))

    def _blame(self, fault: str) -> None:
        self._faults[fault] = None


class Heard:
    """Where facts are kept, and then told of."""

    def __init__(self, log: Log, herald: Herald) -> None:
        self._kept, self._herald = log, herald

    def append(self, *events: RunEvent, durable: bool = True) -> None:
        """Add facts, then tell of them."""
        self._kept.append(*events, durable=durable)
        self._herald.hear(*events)
