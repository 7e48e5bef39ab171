"""Turns the switch on: picks the way a run is carried out."""

from __future__ import annotations

import pytest

from guild_plugins.errors import GuildError
from guild_plugins.suites import closing
from guild_plugins.suites.inprocess import InProcess
from guild_plugins.suites.ledger import Ledger
from guild_plugins.suites.plan import Plan, make


class Starter:
    """Makes the plan when the terminal and the cache are there, and what carries it out."""

    @staticmethod
    def is_distributed(config: pytest.Config) -> bool:
        """Tell whether workers are to run the tests."""
        return bool(config.getoption("tx", None)) and not config.option.collectonly

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Register the session."""
        ledger = Ledger()
        if self.is_distributed(config):
            # xdist is imported only where it is used: a run in this process may lack it.
            from guild_plugins.suites.session import ScopeSession

            plan = _plan(config, len(config.option.tx))
            session = ScopeSession(config, plan, ledger)
            config.pluginmanager.register(session, "guild-session")
            session.on_tick = closing.register(config, plan, ledger)
        else:
            config.option.continue_on_collection_errors = True
            plan = _plan(config, 1)
            config.pluginmanager.register(InProcess(config, plan, ledger), "guild-session")
            closing.register(config, plan, ledger)


def _plan(config: pytest.Config, limit: int) -> Plan:
    try:
        return make(config, limit)
    except GuildError as error:  # such as a mistake in the configuration
        raise pytest.UsageError(str(error)) from error
