"""Which plugins are installed: entry points of the group ``guild``. None is imported here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, distributions

from guild_plugins.stages.places import trusted_places

OWN = "guild-plugins"
"""The distribution that Guild's own plugins are from."""


@dataclass(frozen=True, slots=True)
class Source:
    """A plugin that can be loaded.

    :param name: That of its entry point; what it is disabled by.
    """

    name: str
    distribution: str
    version: str
    entry: EntryPoint | None = field(default=None, compare=False)

    @property
    def is_own(self) -> bool:
        """Say whether it is Guild's own."""
        return self.entry is None

    def load(self) -> object:
        """Import the plugin, which runs its code."""
        assert self.entry is not None, "Guild's own plugins are passed in"
        plugin: object = self.entry.load()
        return plugin

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"


def find_installed(group: str, path: Sequence[str] | None = None) -> tuple[Source, ...]:
    """Return the plugins of all distributions, sorted by name.

    :param path: Where to look; `trusted_places` of this Python if not given.
    """
    found: dict[tuple[str, str], Source] = {}
    for distribution in distributions(path=trusted_places() if path is None else list(path)):
        # The first of two with one name is the one that would be imported.
        name = distribution.metadata["Name"] or "?"
        for entry in distribution.entry_points:
            if entry.group == group:
                source = Source(entry.name, name, distribution.version, entry)
                found.setdefault((entry.name, name), source)
    return tuple(found[key] for key in sorted(found))
