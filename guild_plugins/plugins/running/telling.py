"""Telling handlers of facts, in a process of its own (see `herald`)."""

from __future__ import annotations

import os
import pickle
from functools import cache
from pathlib import Path
from typing import Final

from guild_plugins.plugins.disabling import disabled_names
from guild_plugins.plugins.loading import OWN
from guild_plugins.stages import hookspecs
from guild_plugins.stages.faults import PluginFault, PluginHung
from guild_plugins.stages.installed import find_installed
from guild_plugins.stages.manager import Plugins
from guild_plugins.stages.places import trusted_places

PATIENCE: Final = 5.0
"""Seconds that a handler has for one fact. One that hangs is told no more."""

_deaf: set[str] = set()
"""Plugins of this process that hung: they are told no more."""


def tell(payload: bytes) -> bytes:
    """Tell all handlers of some facts; return their faults, each once."""
    top, events = pickle.loads(payload)  # noqa: S301 - our own coordinator's
    faults: dict[str, None] = {}
    for event in events:
        calls = _plugins(top, frozenset(_deaf)).within(PATIENCE)
        outcomes: tuple[object, ...] = calls.each(hookspecs.guild_event, event=event)
        for outcome in outcomes:
            if isinstance(outcome, PluginFault):
                faults[outcome.explain()] = None
                if isinstance(outcome, PluginHung):
                    _deaf.add(outcome.plugin)
    return pickle.dumps(tuple(faults))


@cache
def _plugins(top: str, deaf: frozenset[str]) -> Plugins:
    installed = find_installed(hookspecs.PROJECT, trusted_places(Path(top)))
    return Plugins(OWN, installed, disabled_names(os.environ) | deaf)
