"""Turns the switch on: picks the way a run is carried out."""

from __future__ import annotations

import pytest

from guild_plugins.suites.inprocess import InProcess
from guild_plugins.suites.ledger import Ledger
from guild_plugins.suites.plan import make


def configure(config: pytest.Config) -> None:
    """Register what carries out this run, once pytest is configured."""
    is_distributed = bool(config.getoption("tx", None)) and not config.option.collectonly
    if is_distributed:
        config.pluginmanager.set_blocked("dsession")  # ours takes its place
    config.pluginmanager.register(Starter(is_distributed), "guild-starter")


class Starter:
    """Makes the plan when the terminal and the cache are there, and what carries it out."""

    def __init__(self, is_distributed: bool) -> None:
        self._is_distributed = is_distributed

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Register the session."""
        ledger = Ledger()
        if self._is_distributed:
            # xdist is imported only where it is used: a run in this process may lack it.
            from guild_plugins.suites.session import ScopeSession

            plan = make(config, len(config.option.tx))
            config.pluginmanager.register(ScopeSession(config, plan, ledger), "guild-session")
        else:
            config.option.continue_on_collection_errors = True
            plan = make(config, 1)
            config.pluginmanager.register(InProcess(config, plan, ledger), "guild-session")
