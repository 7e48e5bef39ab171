"""Driving a run to its end from a command: signals, the environment, what nobody keeps."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping

from guild_plugins.engine.driver.driver import Driver, Watch
from guild_plugins.engine.driver.local import LocalHands
from guild_plugins.engine.driver.work import Hands
from guild_plugins.engine.driver.writing import Log
from guild_plugins.git.process import user_environment
from guild_plugins.plugins.running.herald import Heard, Herald
from guild_plugins.plugins.running.shop import RunShop
from guild_plugins.plugins.running.topics import Published
from guild_plugins.stages.places import GROUP, may_have_plugins, trusted_places
from guild_plugins.stages.runs import RunEvent

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Forgetful:
    """Where facts go of a run that only reads: nowhere."""

    def append(self, *events: RunEvent, durable: bool = True) -> None:
        """Forget them."""


def environment_of(run: str, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of a run's processes, by which they can be found."""
    return {**user_environment(environ), "GUILD_RUN": run}


def driver_for(
    shop: RunShop, run: str, log: Log, watch: Watch, hands: Callable[[], Hands] | None = None
) -> Driver:
    """Return the coordinator of a run.

    :param hands: Who does the work; without them this machine.
    """
    return Driver(run, shop, log, hands or (lambda: LocalHands(shop.environ)), watch)


def drive(driver: Driver, first: RunEvent) -> bool:
    """Drive a run to its end; return whether it came to it, and was not interrupted."""
    return asyncio.run(_to_end(driver, first))


def drive_kept(
    shop: RunShop,
    log: Log,
    watch: Watch,
    first: RunEvent,
    past: Iterable[RunEvent] = (),
    hands: Callable[[], Hands] | None = None,
) -> tuple[Driver, bool]:
    """Drive a run whose facts are kept, and told to plugins.

    :param past: The facts of an earlier process.
    :param hands: Who does the work; without them this machine.
    """
    return asyncio.run(_told(shop, log, watch, first, past, hands))


async def _told(
    shop: RunShop,
    log: Log,
    watch: Watch,
    first: RunEvent,
    past: Iterable[RunEvent],
    hands: Callable[[], Hands] | None,
) -> tuple[Driver, bool]:
    herald = None
    log = Published(log, shop.folder)
    if may_have_plugins(GROUP, trusted_places(shop.top)):
        herald = Herald(shop.top, shop.environ, shop.folder / "events.log", shop.faults)
        log = Heard(log, herald)
    try:
        driver = driver_for(shop, first.run, log, watch, hands)
        driver.recall(_heard(past, herald))
        return driver, await _to_end(driver, first)
    finally:
        if herald is not None:
            await herald.close()


def _heard(events: Iterable[RunEvent], herald: Herald | None) -> Iterator[RunEvent]:
    """Pass facts on one by one: there may be more of them than fit into memory."""
    for event in events:
        if herald is not None:
            herald.hear(event)
        yield event


async def _to_end(driver: Driver, first: RunEvent) -> bool:
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, _cancels(driver, number))
    return (await driver.drive(first)).is_complete


def _cancels(driver: Driver, number: signal.Signals) -> Callable[[], None]:
    return lambda: driver.cancel(f"signal {number.name}")
