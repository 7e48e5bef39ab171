"""What ``guild research`` and ``guild plan`` have in common: a run that only reads."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.repository import Repository
from guild_plugins.plugins.running.driving import Forgetful, drive, driver_for, environment_of
from guild_plugins.plugins.running.ordering import shop_for
from guild_plugins.plugins.running.shop import RunShop
from guild_plugins.report.text import printable_lines
from guild_plugins.stages.runs import RunEvent, RunStarted, UnitFailed


class CannotRead(GuildError):
    """What was to be read of the scopes could not be read."""

    slug = "cannot-read"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


def read(repository: Repository, started: RunStarted) -> RunShop:
    """Research the scopes of a run, and plan it where it has such units; nothing is kept.

    :raises CannotRead: There is no profile, or no plan.
    """
    failures: dict[str, str] = {}

    def watch(event: RunEvent, _: object) -> None:
        if isinstance(event, UnitFailed):
            failures[event.unit] = event.reason

    with tempfile.TemporaryDirectory(prefix="guild-") as folder:
        environ = environment_of(started.run)
        shop = shop_for(repository, started, Path(folder), environ, goes_on=False)
        is_complete = drive(driver_for(shop, started.run, Forgetful(), watch), started)
    for fault in shop.faults:
        print(f"guild: {printable_lines(fault)}", file=sys.stderr)
    if not is_complete:
        raise KeyboardInterrupt
    wants_plan = any(unit.id == "plan" for unit in started.units)
    if (shop.memory.plan if wants_plan else shop.memory.profile) is None:
        raise CannotRead("\n".join(failures.values()) or "No scope could be read.")
    for unit, reason in failures.items():
        print(f"guild: {printable_lines(f'{unit}: {reason}')}", file=sys.stderr)
    return shop


def code_of(shop: RunShop, started: RunStarted) -> int:
    """Return 1 where a scope is missing."""
    wanted = {unit.scope for unit in started.units if unit.scope is not None}
    return Exit.DONE if wanted <= shop.memory.results.keys() else Exit.NO
