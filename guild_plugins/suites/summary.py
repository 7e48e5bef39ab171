"""The table at the end: what became of each scope, and why something did not run.

`table` is pure; `Summary` writes it between pytest's failures and its last lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import pytest

from guild_plugins.suites.ledger import Account, Ledger
from guild_plugins.suites.options import only_shows
from guild_plugins.suites.plan import Plan
from guild_plugins.suites.progress import markup
from guild_plugins.suites.words import amount, number, outcome, printable, seconds, things

MOST_ROWS: Final = 40
"""Scopes in the table; of more, those that failed and the slowest are shown."""

MOST_NAMES: Final = 20
"""Crashed tests and the like that are named."""

HEADINGS: Final = ("scope", "tests", "outcome", "time", "worker time", "steals", "coverage")
NORMAL_ENDS: Final = frozenset({"finished", "stopped"})
LEFT: Final = frozenset({"scope", "outcome"})


class Summary:
    """Writes the table, and after it whatever was out of the ordinary."""

    def __init__(self, plan: Plan, ledger: Ledger) -> None:
        self._plan = plan
        self._ledger = ledger
        self._crashed: list[tuple[str, str]] = []

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: pytest.TestReport) -> None:
        """Keep the name of a test that brought its worker down."""
        self._crashed.append((str(crashitem), getattr(report, "worker_id", "")))

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter, config: pytest.Config
    ) -> None:
        """Write it all."""
        if terminalreporter.no_summary or only_shows(config.option):
            return
        accounts = [a for a in self._ledger.scopes.values() if a.outcome != "empty"]
        remarks = [*self._remarks(), *(f"note: {note}" for note in self._plan.notes)]
        if config.get_verbosity() >= 0 and accounts:
            terminalreporter.section("scopes")
            self._write_table(terminalreporter, accounts)
        elif remarks:
            terminalreporter.section("scopes")
        for remark in remarks:
            terminalreporter.write_line(printable(remark))

    def _write_table(self, reporter: pytest.TerminalReporter, accounts: Sequence[Account]) -> None:
        shown = choose(accounts)
        head, *lines = table(shown, self._ledger.coverage)
        reporter.write_line(head, bold=True)
        for account, line in zip(shown, lines, strict=True):
            reporter.write_line(line, **markup(account))
        rest = len(accounts) - len(shown)
        if rest:
            names = {account.scope for account in shown}
            hidden = [a for a in accounts if a.scope not in names]
            failing = sum(1 for a in hidden if a.outcome not in ("passed", "empty"))
            became = "all passed" if not failing else f"{number(failing)} of them did not pass"
            tests = things(sum(a.tests for a in hidden), "test")
            reporter.write_line(f"... and {things(rest, 'scope')} more with {tests}: {became}")

    def _remarks(self) -> list[str]:
        said = [f"crashed: {test} brought {by} down" for test, by in self._crashed[:MOST_NAMES]]
        if len(self._crashed) > MOST_NAMES:
            said.append(f"... and {things(len(self._crashed) - MOST_NAMES, 'crashed test')} more")
        said += reasons(self._ledger.scopes.values())
        empty = sum(1 for a in self._ledger.scopes.values() if a.outcome == "empty")
        if empty:
            said.append(f"no tests to run: {things(empty, 'scope')}")
        ends = [w for w in self._ledger.workers.values() if w.end not in NORMAL_ENDS]
        said += [f"worker {worker.id}: {worker.end}" for worker in ends[:MOST_NAMES]]
        if len(ends) > MOST_NAMES:
            said.append(f"... and {things(len(ends) - MOST_NAMES, 'worker')} more like these")
        return said


def choose(accounts: Sequence[Account]) -> list[Account]:
    """Return the scopes to show by name: all, or those that did not pass and the slowest."""
    chosen = list(accounts)
    if len(chosen) > MOST_ROWS:
        chosen.sort(key=lambda a: (a.outcome in ("passed", "empty"), -a.worker_s, a.scope))
        chosen = chosen[:MOST_ROWS]
    return sorted(chosen, key=lambda account: account.scope)


def table(accounts: Sequence[Account], coverage: Mapping[str, float]) -> list[str]:
    """Return the lines of the table, the heading first."""
    headings = HEADINGS if coverage else HEADINGS[:-1]
    rows = [cells(account, coverage) for account in accounts]
    columns = list(zip(headings, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    return [_line(row, headings, widths) for row in (headings, *rows)]


def cells(account: Account, coverage: Mapping[str, float]) -> tuple[str, ...]:
    """Return one scope's row."""
    row = (
        printable(account.scope),
        number(account.tests + account.cached),
        outcome(account),
        seconds(account.wall_s),
        seconds(account.worker_s),
        number(account.steals) if account.steals else "",
    )
    if not coverage:
        return row
    percent = coverage.get(account.scope)
    return (*row, "" if percent is None else f"{percent:.1f}%")


def _line(row: Sequence[str], headings: Sequence[str], widths: Sequence[int]) -> str:
    padded = (
        cell.ljust(width) if heading in LEFT else cell.rjust(width)
        for cell, heading, width in zip(row, headings, widths, strict=True)
    )
    return "  ".join(padded).rstrip()


def reasons(accounts: Iterable[Account]) -> list[str]:
    """Return why scopes did not run as a whole, one line for each reason."""
    tests: Counter[str] = Counter()
    files: Counter[str] = Counter()
    scopes: dict[str, list[str]] = {}
    for account in accounts:
        tests.update(account.not_run)
        files.update(account.not_run_files)
        for why in {*account.not_run, *account.not_run_files}:
            scopes.setdefault(why, []).append(account.scope)
    said = []
    for why in sorted(scopes):
        names = scopes[why]
        where = names[0] if len(names) == 1 else things(len(names), "scope")
        said.append(f"not run: {amount(tests[why], files[why])} of {where}: {why}")
    return said
