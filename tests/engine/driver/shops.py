"""A shop for tests: what each unit does is said by its id."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from guild_plugins.engine.driver.driver import Driver
from guild_plugins.engine.driver.local import LocalHands
from guild_plugins.engine.driver.work import (
    Call,
    Caps,
    Command,
    Ended,
    Failed,
    Passed,
    Step,
    Work,
)
from guild_plugins.engine.pipeline.core import Pipeline
from guild_plugins.engine.pipeline.instructions import End
from guild_plugins.engine.pipeline.simulator import CROWD
from guild_plugins.stages.events import fresh_id
from guild_plugins.stages.runs import Limits, RunEvent, RunStarted, Unit

TOP = Path(__file__).parents[3]


class MemoryLog:
    """Facts that are kept as long as the test lasts."""

    def __init__(self) -> None:
        self.events: list[RunEvent] = []
        self.groups = 0

    def append(self, *events: RunEvent, durable: bool = True) -> None:
        self.groups += 1
        self.events += events

    def of(self, kind: type[RunEvent]) -> list[RunEvent]:
        return [event for event in self.events if isinstance(event, kind)]


class ShellShop:
    """Units are commands of the shell, or calls."""

    def __init__(
        self,
        folder: Path,
        commands: Mapping[str, str | tuple[str, bytes]],
        caps: Caps = Caps(seconds=30),  # noqa: B008 - a frozen value
        *,
        is_brief: bool = False,
    ) -> None:
        self.folder, self.commands, self.caps = folder, commands, caps
        self.is_brief = is_brief
        self.ended: dict[str, Ended] = {}

    def note(self, event: RunEvent) -> None:
        pass

    def log(self, unit: str) -> Path:
        return self.folder / f"{unit.replace('/', '-')}.log"

    def work(self, unit: Unit, attempt: int) -> Work:
        ended = yield self.step(unit)
        self.ended[unit.id] = ended
        if ended.broke:
            return Failed(kind="refused", reason=ended.broke)
        if ended.code:
            return Failed(kind="broke", reason=f"exit code {ended.code}")
        return Passed()

    def step(self, unit: Unit) -> Step:
        work, log = self.commands[unit.id], self.log(unit.id)
        if isinstance(work, tuple):
            return Call(
                function=work[0],
                payload=work[1],
                log=log,
                caps=self.caps,
                is_brief=self.is_brief,
            )
        return Command(
            words=("sh", "-c", work),
            directory=self.folder,
            environ=os.environ,
            log=log,
            caps=self.caps,
        )


def drive(
    shop: ShellShop,
    units: Sequence[Unit],
    log: MemoryLog | None = None,
    *,
    workers: int = 4,
    watch: Callable[[Driver, RunEvent], None] | None = None,
) -> End:
    """Run units on this machine, and return how it ended."""
    limits = Limits(least=workers, most=workers, cores=CROWD, memory=CROWD, pause=0.01)
    started = RunStarted(
        id=fresh_id(),
        at=0.0,
        run="r",
        task="",
        name="",
        base="",
        command=(),
        limits=limits,
        units=tuple(units),
    )

    async def main() -> End:
        def look(event: RunEvent, _: Pipeline) -> None:
            if watch is not None:
                watch(driver, event)

        environ = {**os.environ, "PYTHONPATH": str(TOP)}  # calls are functions of the tests
        driver = Driver("r", shop, log or MemoryLog(), lambda: LocalHands(environ), look)
        return await driver.drive(started)

    return asyncio.run(main())
