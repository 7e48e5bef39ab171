"""All plugins of this process: Guild's own, and those that are installed beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from guild_plugins.plugins import (
    barriers,
    boundaries,
    commands,
    discovery,
    executing,
    landing,
    merging,
    planning,
    researching,
)
from guild_plugins.plugins.disabling import disabled_names
from guild_plugins.stages.hookspecs import PROJECT
from guild_plugins.stages.installed import find_installed
from guild_plugins.stages.manager import Plugins

OWN: Final[Mapping[str, object]] = {
    "guild.barriers": barriers,
    "guild.boundaries": boundaries,
    "guild.commands": commands,
    "guild.discovery": discovery,
    "guild.executors": executing,
    "guild.landing": landing,
    "guild.merging": merging,
    "guild.planning": planning,
    "guild.research": researching,
}
"""Guild's own plugins, by the names that they are disabled by."""


def load_plugins(environ: Mapping[str, str]) -> Plugins:
    """Find and import the plugins; what is wrong with one is in the result's ``faults``."""
    return Plugins(OWN, find_installed(PROJECT), disabled_names(environ))
