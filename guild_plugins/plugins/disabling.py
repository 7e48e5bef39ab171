"""Which plugins somebody wants to do without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DISABLED: Final = "GUILD_DISABLE_PLUGINS"
"""The variable that names plugins to do without, with commas; ``*`` for all but Guild's own."""


def disabled_names(environ: Mapping[str, str]) -> frozenset[str]:
    """Return the names of the plugins that somebody wants to do without."""
    names = (name.strip() for name in environ.get(DISABLED, "").split(","))
    return frozenset(filter(None, names))
