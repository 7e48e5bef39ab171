"""All plugins of this process: Guild's own, and those that are installed beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from guild_plugins.plugins import (
    boundaries,
    commands,
    discovery,
    merging,
    planning,
    researching,
)
from guild_plugins.stages.hookspecs import PROJECT
from guild_plugins.stages.installed import find_installed
from guild_plugins.stages.manager import Plugins

OWN: Final[Mapping[str, object]] = {
    "guild.boundaries": boundaries,
    "guild.commands": commands,
    "guild.discovery": discovery,
    "guild.merging": merging,
    "guild.planning": planning,
    "guild.research": researching,
}
"""Guild's own plugins, by the names that they are disabled by."""

DISABLED: Final = "GUILD_DISABLE_PLUGINS"
"""The variable that names plugins to do without, with commas; ``*`` for all but Guild's own."""


def load_plugins(environ: Mapping[str, str]) -> Plugins:
    """Find and import the plugins; what is wrong with one is in the result's ``faults``."""
    return Plugins(OWN, find_installed(PROJECT), disabled_names(environ))


def disabled_names(environ: Mapping[str, str]) -> frozenset[str]:
    """Return the names of the plugins that somebody wants to do without."""
    names = (name.strip() for name in environ.get(DISABLED, "").split(","))
    return frozenset(filter(None, names))
