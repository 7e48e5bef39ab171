"""``guild setup`` with plugins: who knows the project's layout best says what its scopes are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from guild_plugins.scopes.config import ConfigInvalid, read_configuration
from guild_plugins.scopes.discovery import Discovered
from guild_plugins.scopes.setup import AlreadyConfigured, NothingFound, SetupPlan, plan_setup
from guild_plugins.scopes.tree import DiskTree
from guild_plugins.stages.calls import Answer, Calls, fault_of
from guild_plugins.stages.faults import PluginReturnedJunk
from guild_plugins.stages.hookspecs import guild_discover_scopes

DEADLINE: Final = 120.0
"""Seconds that a plugin has to find the scopes."""


def plan_with_plugins(calls: Calls, root: Path, files: Sequence[str]) -> SetupPlan:
    """Plan the configuration that says what the first plugin to answer finds.

    :param files: The project's files, relative to its root.
    :raises AlreadyConfigured: There are scopes in the configuration; no plugin was asked.
    :raises NothingFound: There is no scope to write.
    :raises PluginFault: A plugin is at fault, or its scopes cannot be written down.
    """
    tree = DiskTree(root, files)
    configured = read_configuration(root, tree)
    if configured is not None and configured.scopes:
        raise AlreadyConfigured(configured.file.name)
    answer = calls.first(guild_discover_scopes, tree=tree)
    if answer is None:
        raise NothingFound
    _refuse_twins(answer)
    try:
        return plan_setup(tree, answer.value.scopes, answer.value.barriers)
    except ConfigInvalid as error:
        raise _junk(answer, str(error)) from error


def _refuse_twins(answer: Answer[Discovered]) -> None:
    counts = Counter(scope.id for scope in answer.value.scopes)
    twins = [name for name, count in counts.items() if count > 1]
    if twins:
        raise _junk(answer, f"several scopes are called {twins[0]}")


def _junk(answer: Answer[Discovered], detail: str) -> Exception:
    return fault_of(
        PluginReturnedJunk, plugin=answer.plugin, hook=guild_discover_scopes.__name__, detail=detail
    )
