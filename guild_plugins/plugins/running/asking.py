"""Asking plugins, in a warm process: they are loaded once, and an answer is returned as a value.

Requests and answers are pickled: they go between the coordinator and processes that
it has started itself.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from guild_plugins.plugins.disabling import disabled_names
from guild_plugins.plugins.loading import OWN
from guild_plugins.plugins.running.asked import Answered, Asked
from guild_plugins.stages import hookspecs
from guild_plugins.stages.faults import PluginFault
from guild_plugins.stages.installed import find_installed
from guild_plugins.stages.manager import Plugins
from guild_plugins.stages.models import Estimate, EstimateRequest
from guild_plugins.stages.places import trusted_places


def ask(payload: bytes) -> bytes:
    """Ask a hook with one result."""
    asked: Asked = pickle.loads(payload)  # noqa: S301 - our own coordinator's
    plugins = plugins_of(asked.top)
    calls = plugins.within(asked.seconds)
    faults = tuple(str(fault) for fault in plugins.faults if not fault.hook)
    hook: Callable[..., Any] = getattr(hookspecs, asked.hook)
    try:
        answers = [calls.first(hook, request=request) for request in asked.requests]
    except PluginFault as fault:
        return pickle.dumps(Answered(trouble=fault.explain(), faults=faults))
    values = tuple(answer.value if answer is not None else None for answer in answers)
    return pickle.dumps(Answered(values=values, faults=faults))


def estimate(payload: bytes) -> bytes:
    """Ask what units cost. A fault costs the answer, and nothing else."""
    asked: Asked = pickle.loads(payload)  # noqa: S301 - our own coordinator's
    values, faults = [], []
    calls = plugins_of(asked.top).within(asked.seconds)
    for request in asked.requests:
        value, fault = _estimate(calls, request)
        values.append(value)
        faults += [fault] if fault else []
    return pickle.dumps(Answered(values=tuple(values), faults=tuple(dict.fromkeys(faults))))


def _estimate(calls: Any, request: EstimateRequest) -> tuple[Estimate | None, str]:
    try:
        answer = calls.first(hookspecs.guild_estimate, request=request)
    except PluginFault as fault:
        return None, fault.explain()
    return (answer.value if answer is not None else None), ""


@cache
def plugins_of(top: str) -> Plugins:
    """Load all plugins; what is wrong with one is in ``faults``."""
    installed = find_installed(hookspecs.PROJECT, trusted_places(Path(top)))
    return Plugins(OWN, installed, disabled_names(os.environ))
