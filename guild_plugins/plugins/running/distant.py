"""Hands that reach further than this machine: commands go to an executor's workers.

Calls stay here (work places, gates, commits, plugins' answers). A command is sent with the
contents of its work place, and what it changed is taken over there when it has ended, so
that whatever comes next finds the work place as if the command had run in it. An
executor's worker that is lost loses the command, which then is begun anew.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from guild_plugins.engine.driver.local import LocalHands
from guild_plugins.engine.driver.work import Began, Command, Ended, Step, Usage
from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.process import run_git
from guild_plugins.plugins.running.asked import BRIEF, CARRY
from guild_plugins.plugins.running.parcels import (
    ParcelTorn,
    pack_alone,
    pack_on_top,
    unpack,
    unwrap,
    wrap,
)
from guild_plugins.stages.events import fresh_id
from guild_plugins.stages.executors import Executor, WorkOrder

PAUSE: Final = 0.05
"""Seconds between two looks whether the executor has a free slot."""

PATIENCE: Final = 60.0
"""Seconds that an executor may be without any worker."""

GRACE: Final = 30.0
"""Seconds on top of a command's own limit in which its worker has to answer."""


class ExecutorEmpty(GuildError):
    """An executor has no worker, and none came."""

    slug = "executor-empty"
    exit = Exit.UNSUPPORTED
    remedy = "Start workers, then: guild run --resume."

    def __str__(self) -> str:
        return f"The executor had no worker for {PATIENCE:g} s."


@dataclass(frozen=True, slots=True)
class Base:
    """What all commands of a run begin with, and where it is.

    :param commit: The run's first commit.
    :param environ: Of this machine: only what a command has on top of it travels.
    """

    top: Path
    commit: str
    environ: Mapping[str, str]


class DistantHands:
    """Carries commands out by an executor, and all else on this machine."""

    def __init__(self, executor: Executor, base: Base) -> None:
        self._executor, self._base = executor, base
        self._local = LocalHands(base.environ)
        self._running = 0
        self._first: bytes | None = None

    def carry_out(self, step: Step, began: Began, usage: Usage) -> Awaitable[Ended]:
        """Do one step and say how it ended."""
        if isinstance(step, Command):
            return self._send(step, began)
        return self._local.carry_out(step, began, usage)

    async def close(self) -> None:
        """End what is left, there and here."""
        await asyncio.to_thread(self._executor.close)
        await self._local.close()

    async def _send(self, command: Command, began: Began) -> Ended:
        await self._free_slot()
        self._running += 1
        try:
            order, work = await asyncio.to_thread(_pack, command, self._base)
            began(0, 0)
            ended, *answer = await self._answer(command, order, b"", work)
            if ended.get("missing"):
                ended, *answer = await self._answer(command, order, await self._whole(), work)
        except (_Lost, ParcelTorn) as error:
            return Ended(code=1, is_lost=True, broke=str(error))
        finally:
            self._running -= 1
        if "trouble" in ended:
            return Ended(code=1, broke=str(ended["trouble"]))
        output, pack = answer
        await asyncio.to_thread(_take_over, command, order["work"], ended["tree"], output, pack)
        return Ended(
            code=int(ended["code"]),
            broke=str(ended["broke"]),
            is_lost=bool(ended["lost"]),
            cpu=ended["cpu"],
            memory=ended["memory"],
        )

    async def _answer(
        self, command: Command, order: Mapping[str, Any], base: bytes, work: bytes
    ) -> tuple[Any, ...]:
        sent = WorkOrder(id=fresh_id(), function=CARRY, payload=wrap(order, base, work))
        try:
            future = self._executor.submit(sent)
            seconds = command.caps.seconds
            async with asyncio.timeout(seconds + GRACE if seconds is not None else None):
                values, contents = unwrap(await asyncio.wrap_future(future))
        except ParcelTorn:
            raise
        except Exception as error:  # whatever the executor says of a worker that is gone
            raise _Lost(f"its worker was lost: {type(error).__name__}: {error}"[:500]) from error
        return (values, *contents)

    async def _whole(self) -> bytes:
        """Return the run's first commit; most workers have it already."""
        if self._first is None:
            self._first = await asyncio.to_thread(pack_alone, self._base.top, self._base.commit)
        return self._first

    async def _free_slot(self) -> None:
        """Wait until the executor can carry out one more."""
        since = time.monotonic()
        while (slots := self._executor.slots) <= self._running:
            if slots:
                since = time.monotonic()
            elif time.monotonic() - since > PATIENCE:
                raise ExecutorEmpty
            await asyncio.sleep(PAUSE)


class _Lost(Exception):
    """Nobody will answer."""


def _pack(command: Command, base: Base) -> tuple[dict[str, Any], bytes]:
    """Return what a worker is told, and the contents of the work place."""
    top = command.directory
    run_git(["add", "--all"], top)
    work = _said(top, "write-tree")
    tip = _said(top, "rev-parse", "HEAD")
    brief = command.environ.get("GUILD_BRIEF", "")
    order = {
        "base": base.commit,
        "tip": tip,
        "work": work,
        "branch": _said(top, "symbolic-ref", "-q", "HEAD"),
        "format": _said(top, "rev-parse", "--show-object-format"),
        "python": sys.executable,
        "words": [_without(brief, word) for word in command.words],
        "environ": {
            name: _without(brief, value)
            for name, value in command.environ.items()
            if base.environ.get(name) != value or name.startswith("GUILD_")
        },
        "brief": _text(brief),
        "caps": asdict(command.caps),
    }
    return order, pack_on_top(top, [tip, work], base.commit)


def _take_over(command: Command, before: str, after: str, output: bytes, pack: bytes) -> None:
    """Have the work place as the command left it there."""
    command.log.parent.mkdir(parents=True, exist_ok=True)
    with command.log.open("ab") as log:
        log.write(output)
    if after != before:
        unpack(command.directory, pack)
        run_git(["read-tree", "-m", "-u", before, after], command.directory)


def _said(top: Path, *words: str) -> str:
    return run_git(list(words), top).decode().strip()


def _without(brief: str, word: str) -> str:
    return word.replace(brief, BRIEF) if brief else word


def _text(path: str) -> str:
    return Path(path).read_bytes().decode("utf-8", "surrogateescape") if path else ""
