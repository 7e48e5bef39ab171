"""What is seen while tests run: one line for each scope that ends, each failure at once.

On a terminal, one more line at the bottom says what is going on; it is rewritten
a few times a second and gone at the end. Everywhere else (CI, a pipe) there are
plain lines. With ``-q`` nothing is shown until the end, with ``-v`` pytest's own line
for every test. The dots are left out, and so are the letters that other plugins give;
their categories, from which pytest's last line is made, stay as they are.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from typing import Any, Final

import pytest

from guild_plugins.engine.sizing import expected_seconds
from guild_plugins.suites.ledger import Account, Ledger
from guild_plugins.suites.options import only_shows
from guild_plugins.suites.plan import Plan
from guild_plugins.suites.words import counted, number, printable, reason, seconds, shortened

INTERVAL: Final = 0.2
"""Seconds between two looks of the line at the bottom."""

MOST_FAILURES: Final = 200
"""Failures that are told at once; pytest tells all of them at the end."""

WIDEST_NAME: Final = 40
"""Columns for the name of a scope; longer ones push the rest to the right."""


def register(config: pytest.Config, plan: Plan, ledger: Ledger) -> Progress | None:
    """Show progress where there is a terminal reporter to show it; return who does."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or only_shows(config.option):
        return None
    if config.get_verbosity(pytest.Config.VERBOSITY_TEST_CASES) > 0:
        # Tests are found while they run, so a percentage of those found is none of all.
        if hasattr(reporter, "_show_progress_info"):
            reporter._show_progress_info = False
        return None
    progress = Progress(config, reporter, plan, ledger)
    config.pluginmanager.register(progress, "guild-progress")
    return progress


class Progress:
    """Writes to pytest's terminal as scopes and tests end."""

    def __init__(
        self, config: pytest.Config, reporter: pytest.TerminalReporter, plan: Plan, ledger: Ledger
    ) -> None:
        self._reporter = reporter
        self._ledger = ledger
        self._failures = 0
        self._quiet = config.get_verbosity() < 0
        self._is_live = _is_live(reporter) and not self._quiet
        self._line = StatusLine(reporter) if self._is_live else None
        self._next = 0.0
        self._seconds = expected_seconds(work.unit for work in plan.works)
        self._works = {work.unit.id: work for work in plan.works}
        self._total = sum(self._seconds.values()) or 1.0
        self._width = min(max(map(len, plan.scopes), default=0), WIDEST_NAME)
        reporter.showfspath = False
        ledger.on_scope_end = self._tell_scope

    # -- hooks -------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_report_teststatus(self) -> Generator[None, Any, Any]:
        """Keep the category, and leave out the letter and the word."""
        status = yield
        if self._is_over:
            return status  # the closing summary wants its words
        return (status[0], "", "") if status else status

    _is_over = False

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Tell a failure at once."""
        if report.outcome == "failed":
            self._tell_failure(report, "FAILED" if report.when == "call" else "ERROR")
        if self._line is not None:
            self.refresh()

    @pytest.hookimpl
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Tell a file that cannot be collected at once."""
        if report.failed:
            self._tell_failure(report, "ERROR")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Tell the scopes that did not end, and take the line at the bottom away."""
        self._is_over = True
        for name in sorted(self._ledger.scopes):
            account = self._ledger.scopes[name]
            if account.units_left:
                self._tell_scope(account)
        self._ledger.on_scope_end = _leave
        self._close()

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self) -> None:
        """Take the line at the bottom away."""
        self._close()

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self) -> None:
        """Take the line at the bottom away."""
        self._close()

    # -- what is told --------------------------------------------------------------

    def refresh(self) -> None:
        """Rewrite the line at the bottom if it is time."""
        now = time.perf_counter()
        if self._line is None or now < self._next:
            return
        self._next = now + INTERVAL
        text = self._status(now)
        if text:
            self._line.show(text)

    def _tell_failure(self, report: pytest.TestReport | pytest.CollectReport, word: str) -> None:
        self._failures += 1
        if self._quiet or self._failures > MOST_FAILURES:
            return
        text = f"{printable(str(report.nodeid))} - {reason(report)}"
        width = self._reporter._tw.fullwidth - 1 if self._line else 500
        # Colour must not be cut, so the word is written on its own.
        self._reporter.ensure_newline()
        self._reporter.write(word, red=True, bold=True)
        self._reporter.write_line(" " + shortened(text, width - len(word) - 1))
        if self._failures == MOST_FAILURES:
            self._reporter.write_line("Further failures are told at the end.", yellow=True)

    def _tell_scope(self, account: Account) -> None:
        is_cut = account.units_left or account.not_run or account.not_run_files
        if self._quiet or account.first_at is None or not (account.counts or is_cut):
            return
        write = self._reporter.write
        self._reporter.ensure_newline()
        if not self._is_live:
            write(f"{self._share():4.0%}  ", cyan=True)
        write(f"{printable(account.scope):{self._width}}  ", **markup(account))
        said = [counted(account.counts)] if account.counts else []
        if is_cut:
            why = {*account.not_run, *account.not_run_files} or {account.stopped or "interrupted"}
            said.append(f"not finished: {printable('; '.join(sorted(why)))}")
        write(f"{', '.join(said)}  ")
        self._reporter.write_line(seconds(account.wall_s), light=True)

    def _status(self, now: float) -> str:
        """Return the line; empty while workers only start, and may write to the terminal."""
        ledger = self._ledger
        done = sum(worker.ran for worker in ledger.workers.values())
        running = [
            account.scope
            for account in ledger.scopes.values()
            if account.units_left and account.first_at is not None
        ]
        if not done and not running:
            return ""
        parts = [f"{self._share():4.0%}", f"{number(done)} tests"]
        if self._failures:
            parts.append(f"{number(self._failures)} failed")
        parts.append(seconds(now - ledger.started_at))
        names = [printable(name) for name in running]
        text = "  ".join(parts)
        width = self._reporter._tw.fullwidth - 1
        return shortened(f"{text}  {', '.join(names)}", width)

    def _share(self) -> float:
        """Return how much of the expected cost is behind us, from 0 to 1."""
        left = 0.0
        for unit, cost in self._seconds.items():
            if self._ledger.is_unfinished(unit):
                work = self._works[unit]
                spent = self._ledger.file_seconds.get(work.keys[0], 0.0)
                left += cost if work.unit.seconds is None else max(cost - spent, cost * 0.05)
        return 1 - left / self._total if self._seconds else 1.0

    def _close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None


class StatusLine:
    """The line at the bottom: it gives way to whatever else pytest writes."""

    def __init__(self, reporter: pytest.TerminalReporter) -> None:
        self._reporter = reporter
        self._is_shown = False
        self._text = ""
        self._ensure_newline = reporter.ensure_newline
        # Every line of pytest and its plugins begins with this call.
        setattr(reporter, "ensure_newline", self._make_room)  # noqa: B010

    def show(self, text: str) -> None:
        """Write the text in place of the one before."""
        if self._is_shown and text == self._text:
            return
        if not self._is_shown:
            self._ensure_newline()
        self._reporter.write("\r\x1b[K" + text, flush=True)
        self._is_shown, self._text = True, text

    def close(self) -> None:
        """Take the line away for good."""
        self._make_room()
        setattr(self._reporter, "ensure_newline", self._ensure_newline)  # noqa: B010

    def _make_room(self) -> None:
        if self._is_shown:
            self._is_shown = False
            self._reporter.write("\r\x1b[K", flush=True)
        self._ensure_newline()


def markup(account: Account) -> dict[str, bool]:
    """Return the colour of a scope by what became of it."""
    if account.failures:
        return {"red": True}
    if account.outcome in ("not run", "empty") or account.units_left:
        return {"yellow": True}
    return {"green": True}


def _is_live(reporter: pytest.TerminalReporter) -> bool:
    return bool(
        reporter.isatty and os.environ.get("TERM", "dumb") != "dumb" and not os.environ.get("CI")
    )


def _leave(account: Account) -> None:
    """Say nothing more."""
