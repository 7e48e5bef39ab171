"""This machine's hands: commands by spawn, calls in warm processes, all of them measured."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from typing import Final

from guild_plugins.engine.driver.spawning import Groups, run_command
from guild_plugins.engine.driver.warming import WarmPool
from guild_plugins.engine.driver.work import Began, Command, Ended, Step, Usage

LOOK: Final = 0.1
"""Seconds between two looks at what processes use.

What allocates a gigabyte a second is 100 MB over its limit when that is seen.
"""


class LocalHands:
    """Carries steps out on this machine.

    :param environ: The environment of warm processes.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.groups = Groups()
        self._pool = WarmPool(environ, self.groups)
        self._watching = asyncio.ensure_future(self._watch())

    def carry_out(self, step: Step, began: Began, usage: Usage) -> Awaitable[Ended]:
        """Do one step and say how it ended."""
        if isinstance(step, Command):
            return run_command(step, self.groups, began, usage)
        return self._pool.run(step, began, usage)

    async def close(self) -> None:
        """End the warm processes."""
        self._watching.cancel()
        with suppress(asyncio.CancelledError):
            await self._watching
        self._pool.close()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            await asyncio.to_thread(self.groups.look)
            self._pool.shrink()
