"""Turns the switch on: picks the way a run is carried out."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from guild_plugins.errors import GuildError
from guild_plugins.scopes.project import Project
from guild_plugins.suites import closing
from guild_plugins.suites.inprocess import InProcess
from guild_plugins.suites.kept.choosing import Choosing, begin
from guild_plugins.suites.kept.keeping import Keeping
from guild_plugins.suites.kept.labels import Labels
from guild_plugins.suites.kept.selecting import only_affected
from guild_plugins.suites.kept.tracking import Tracker
from guild_plugins.suites.ledger import Ledger
from guild_plugins.suites.plan import Candidate, Plan, make
from guild_plugins.suites.pools import Pool
from guild_plugins.suites.snapshots import Snapshots


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
        sieves = Sieves(config)
        if self.is_distributed(config):
            # xdist is imported only where it is used: a run in this process may lack it.
            from guild_plugins.suites.session import ScopeSession

            plan = _plan(config, len(config.option.tx), sieves)
            session = ScopeSession(config, plan, ledger)
            config.pluginmanager.register(session, "guild-session")
            session.on_tick = closing.register(config, plan, ledger)
            config.pluginmanager.register(Snapshots(), "guild-snapshots")
        else:
            config.option.continue_on_collection_errors = True
            plan = _plan(config, 1, sieves)
            config.pluginmanager.register(InProcess(config, plan, ledger), "guild-session")
            closing.register(config, plan, ledger)
        sieves.register(plan, ledger)


class Sieves:
    """What leaves out files that need not run: what is asked for, in its order."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._choosing: Choosing | None = None

    def choose(
        self,
        project: Project,
        pools: Mapping[str, Pool],
        candidates: list[Candidate],
        notes: list[str],
    ) -> list[Candidate]:
        """Return the files that must run."""
        option = self._config.option
        if option.guild_affected:
            candidates = only_affected(self._config, project, candidates, notes)
        if option.guild_cache:
            self._choosing = begin(self._config)
            if self._choosing is None:
                notes.append("nothing is kept: this is no git repository")
        if self._choosing is not None:
            candidates = self._choosing.choose(project, pools, candidates, notes)
        return candidates

    def register(self, plan: Plan, ledger: Ledger) -> None:
        """Register what keeps the results of this run."""
        if self._choosing is not None and self._choosing.is_on:
            keeping = Keeping(self._config, plan, ledger, self._choosing)
            self._config.pluginmanager.register(keeping, "guild-keeping")
        elif Labels.running is not None:
            Labels.running.stop()


def _plan(config: pytest.Config, limit: int, sieves: Sieves) -> Plan:
    try:
        with Tracker.resting():
            return make(config, limit, sieves.choose)
    except GuildError as error:  # such as a mistake in the configuration
        raise pytest.UsageError(str(error)) from error
