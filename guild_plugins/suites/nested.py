"""A suite's own session within a run in one process: it reports to the session around it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.config import _prepareconfig

from guild_plugins.suites.pools import Pool
from guild_plugins.suites.quiet import silence_terminal

if TYPE_CHECKING:
    from guild_plugins.suites.inprocess import InProcess


def run_session(pool: Pool, nested: Nested) -> None:
    """Run pytest for a suite; it says in ``nested`` how it ended."""
    config = _prepareconfig([*(pool.args or ()), "-p", "no:cacheprovider"], None)
    _write_nothing(config)
    config.pluginmanager.register(nested, "guild-nested")
    try:
        config.hook.pytest_cmdline_main(config=config)
    finally:
        config._ensure_unconfigure()


class Nested:
    """Passes what a nested session reports on to the session around it.

    ``is_up`` says that all plugins were set up, ``ending`` what broke the session off.
    """

    def __init__(self, outer: InProcess, session: pytest.Session, pool: Pool) -> None:
        self._outer = outer
        self._session = session
        self._prefix = pool.prefix
        self._pool = pool
        self.is_up = False
        self.ending: BaseException | None = None
        self._not_here: frozenset[str] = frozenset()
        if pool.root is None:  # the directory is the outer session's as well: so are the targets
            self._not_here = outer.files_of(lambda other: other.name != pool.name)
        self._hook = outer.config.hook

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Keep the nested terminal still."""
        silence_terminal(config)
        config.option.continue_on_collection_errors = True
        config.args = [a for a in config.args if str(path_of(config, a)) not in self._not_here]

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Note that all plugins were set up."""
        self.is_up = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> bool:
        """Leave it to the session around, which tells of it."""
        self.ending = excinfo.value
        return True

    @pytest.hookimpl
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """End the session around as well, unless that is what ended this one."""
        if not (self._session.shouldstop or self._session.shouldfail):
            self.ending = excinfo.value

    @pytest.hookimpl
    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Leave out what other sessions run, and what was not asked for."""
        path = str(collection_path)
        return True if path in self._not_here or self._outer.leaves_out(path) else None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Count what was collected with the tests of the session around."""
        self._outer.look_for_foreign_imports()
        self._session.testscollected += len(session.items)
        terminal = self._outer.config.pluginmanager.get_plugin("terminalreporter")
        if terminal and session.config.option.collectonly:
            terminal._numcollected += len(session.items)
            for item in session.items:
                terminal.write_line(self._prefix + item.nodeid)
        self._outer.note_collected(
            self._pool.name, [self._prefix + item.nodeid for item in session.items]
        )

    @pytest.hookimpl
    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Pass on."""
        self._outer.note_deselected([self._prefix + item.nodeid for item in items])
        terminal = self._outer.config.pluginmanager.get_plugin("terminalreporter")
        if terminal:
            terminal.stats.setdefault("deselected", []).extend(items)

    @pytest.hookimpl
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Pass on a failure or skip while collecting."""
        if not report.passed:
            report.nodeid = self._prefix + report.nodeid
            self._hook.pytest_collectreport(report=report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Stop where the session around was told to stop."""
        if self._session.shouldstop or self._session.shouldfail:
            item.session.shouldstop = self._session.shouldstop or self._session.shouldfail
            return True
        return self._outer.passes_over(self._prefix + item.nodeid)

    @pytest.hookimpl
    def pytest_runtest_logstart(self, nodeid: str, location: tuple[str, Any, str]) -> None:
        """Pass on."""
        self._hook.pytest_runtest_logstart(
            nodeid=self._prefix + nodeid, location=self._located(location)
        )

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Pass on."""
        report.nodeid = self._prefix + report.nodeid
        report.location = self._located(report.location)
        self._hook.pytest_runtest_logreport(report=report)

    @pytest.hookimpl
    def pytest_runtest_logfinish(self, nodeid: str, location: tuple[str, Any, str]) -> None:
        """Pass on."""
        self._hook.pytest_runtest_logfinish(
            nodeid=self._prefix + nodeid, location=self._located(location)
        )

    @pytest.hookimpl
    def pytest_warning_recorded(
        self, warning_message: Any, when: Any, nodeid: str, location: Any
    ) -> None:
        """Pass on."""
        self._hook.pytest_warning_recorded.call_historic(
            kwargs={
                "warning_message": warning_message,
                "when": when,
                "nodeid": nodeid and self._prefix + nodeid,
                "location": location,
            }
        )

    def _located(self, location: tuple[str, Any, str]) -> tuple[str, Any, str]:
        return (self._prefix + location[0], location[1], location[2])


def _write_nothing(config: pytest.Config) -> None:
    """Leave files and the terminal to the session around."""
    option = config.option
    option.guild_scopes = False
    for name in ("xmlpath", "htmlpath", "pastebin", "durations"):
        if hasattr(option, name):
            setattr(option, name, None)


def path_of(config: pytest.Config, argument: str) -> Path:
    """Return where an argument of the command line leads."""
    return config.invocation_params.dir / argument.split("::", 1)[0]
