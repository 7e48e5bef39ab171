"""The coordinator's side of warm processes: as many as calls run at once, kept for the next."""

from __future__ import annotations

import asyncio
import os
import pickle
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, TypeAlias

from guild_plugins.engine.driver import proc, warm
from guild_plugins.engine.driver.spawning import Groups
from guild_plugins.engine.driver.warm import HEAD
from guild_plugins.engine.driver.work import Began, Call, Ended, Usage

FEW: Final = max(2, len(os.sched_getaffinity(0)))
"""Processes up to which a call waits for none."""

PATIENCE: Final = 0.3
"""Seconds that a call waits for one of more."""

FINISH: Final = 5.0
"""Seconds that a brief call has to end by itself when it is cancelled."""

IDLE: Final = 30.0
"""Seconds after which a process that nobody needs ends."""

Answer: TypeAlias = tuple[bool, bytes, bool]
"""Whether a call returned; what, or why not; whether the process is spent."""


class WarmProcess:
    """One process, and the socket to it. Its group is its own."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        own, theirs = socket.socketpair()
        own.setblocking(False)
        self._link = own
        with theirs:
            self._process = subprocess.Popen(
                # Safe (-P): the directory may be a clone that nobody trusts.
                [sys.executable, "-P", "-m", warm.__name__, str(theirs.fileno())],
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                process_group=0,
            )
        self.since = time.monotonic()

    @property
    def pid(self) -> int:
        """The leader of its group."""
        return self._process.pid

    async def call(self, call: Call) -> Answer | None:
        """Let it call a function; ``None`` if it went away."""
        call.log.parent.mkdir(parents=True, exist_ok=True)
        frame = pickle.dumps((call.function, call.payload, os.fspath(call.log)))
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_sendall(self._link, len(frame).to_bytes(HEAD) + frame)
            size = int.from_bytes(await self._exactly(HEAD))
            answer: Answer = pickle.loads(await self._exactly(size))  # noqa: S301 - our own process
        except (EOFError, OSError):
            return None
        return answer

    def end(self) -> int:
        """End it with all that it started; return its exit code."""
        self._link.close()
        proc.end_group(self.pid)
        return self._process.wait()

    async def _exactly(self, size: int) -> bytes:
        loop, parts = asyncio.get_running_loop(), bytearray()
        while len(parts) < size:
            part = await loop.sock_recv(self._link, min(size - len(parts), 1 << 20))
            if not part:
                raise EOFError
            parts += part
        return bytes(parts)


class WarmPool:
    """Warm processes, the one that was used last first.

    Starting one takes longer than most calls: where there is one for each core, a call
    waits a moment for one of them. Where they are all at something long, more are started.

    :param environ: The environment that they start with.
    """

    def __init__(self, environ: Mapping[str, str], groups: Groups) -> None:
        self._environ, self._groups = environ, groups
        self._free: list[WarmProcess] = []
        self._all: set[WarmProcess] = set()
        self._brief = asyncio.Semaphore(FEW)
        self._waiting: deque[asyncio.Future[WarmProcess]] = deque()

    async def run(self, call: Call, began: Began, usage: Usage) -> Ended:
        """Call a function in a warm process. Cancelled, it ends that process."""
        if not call.is_brief:
            return await self._run(call, began, usage)
        async with self._brief:
            return await self._run(call, began, usage)

    async def _run(self, call: Call, began: Began, usage: Usage) -> Ended:
        process = await self._take()
        self._groups.watch(process.pid, call, usage)
        began(process.pid, proc.start_of(process.pid))
        answer: Answer | None = None
        late = ""
        try:
            async with asyncio.timeout(call.caps.seconds):
                answer = await _answer_of(process, call)
        except TimeoutError:
            late = f"it was not done after {call.caps.seconds:g} s"
        finally:
            broke = self._groups.forget(process.pid) or late
            code = 0
            if answer is None or answer[-1]:
                self._all.discard(process)
                code = process.end()
            else:
                self._give(process)
        if answer is None:
            return Ended(code=code or 1, broke=broke, is_lost=not broke, memory=usage.peak)
        is_done, value, _ = answer
        reason = "" if is_done else value.decode("utf-8", "replace")
        return Ended(
            code=0 if is_done else 1,
            value=value if is_done else None,
            broke=reason,
            cpu=usage.need,
            memory=usage.peak or None,
        )

    def shrink(self) -> None:
        """End processes that were idle for long."""
        now = time.monotonic()
        while self._free and now - self._free[0].since > IDLE:
            process = self._free.pop(0)
            self._all.discard(process)
            process.end()

    def close(self) -> None:
        """End all."""
        for process in self._all:
            with suppress(OSError):
                process.end()
        self._all.clear()
        self._free.clear()

    async def _take(self) -> WarmProcess:
        """Return a process that has nothing to do."""
        if self._free:
            return self._free.pop()
        if len(self._all) < FEW:
            return self._start()
        turn: asyncio.Future[WarmProcess] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(PATIENCE):
                return await turn
        except TimeoutError:
            return turn.result() if _has_come(turn) else self._start()
        except asyncio.CancelledError:
            if _has_come(turn):
                self._give(turn.result())
            raise

    def _give(self, process: WarmProcess) -> None:
        """Pass a process on to whoever waits for longest."""
        process.since = time.monotonic()
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(process)
                return
        self._free.append(process)

    def _start(self) -> WarmProcess:
        process = WarmProcess(self._environ)
        self._all.add(process)
        return process


async def _answer_of(process: WarmProcess, call: Call) -> Answer | None:
    """Let a process answer. Cancelled, a brief call has a moment to come to its end.

    Killed in the middle of a work place, it would leave git's locks behind.
    """
    answer = asyncio.ensure_future(process.call(call))
    try:
        return await asyncio.shield(answer)
    except asyncio.CancelledError:
        if call.is_brief:
            with suppress(TimeoutError):
                async with asyncio.timeout(FINISH):
                    await asyncio.shield(answer)
        answer.cancel()
        raise


def _has_come(turn: asyncio.Future[WarmProcess]) -> bool:
    return turn.done() and not turn.cancelled()
