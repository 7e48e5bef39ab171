"""Turns the switch on: picks the way a run is carried out."""

from __future__ import annotations

import pytest

from guild_plugins.suites.ledger import Ledger
from guild_plugins.suites.plan import make
from guild_plugins.suites.session import ScopeSession


def configure(config: pytest.Config) -> None:
    """Register what carries out this run."""
    if config.option.collectonly or not config.option.tx:
        return
    config.pluginmanager.set_blocked("dsession")
    config.pluginmanager.register(Starter(config), "guild-starter")


class Starter:
    """Makes the plan once pytest is configured, and the session from it."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Register the session; by now the terminal and the cache are there."""
        plan = make(config, len(config.option.tx))
        self.session = ScopeSession(config, plan, Ledger())
        config.pluginmanager.register(self.session, "guild-session")
