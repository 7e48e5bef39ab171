"""Tells of tests that did not run: to pytest, to the terminal, to the accounts.

Each has a category of its own, ``cached``, whatever it was when it ran. Other plugins (junit,
html) hear of it as of a test that ran as it did then, with the property ``cached``: when
that was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from guild_plugins.suites.kept.choosing import Asked
from guild_plugins.suites.kept.heads import Head
from guild_plugins.suites.kept.records import Outcome, Record
from guild_plugins.suites.kept.store import Store
from guild_plugins.suites.ledger import Ledger

CATEGORY: Final = "cached"


UNHEARD: Final = pytest.TestReport(
    nodeid="",
    location=("", None, ""),
    keywords={},
    outcome="passed",
    longrepr=None,
    when="teardown",
)
"""Stands for each test of a run in which nobody asks for more than their number."""

_KNOWN: Final = frozenset({"terminalreporter", "lfplugin", "logging-plugin", "session", "main"})
"""Who hears of reports and would do nothing with ours; our own plugins are others."""


def when(at: float) -> str:
    """Return a time as ISO 8601."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def tell(
    session: pytest.Session, ledger: Ledger, hits: Sequence[tuple[Asked, Head]], store: Store
) -> None:
    """Account for the tests of files that need not run, and report each where somebody listens."""
    tests = 0
    for asked, head in hits:
        account = ledger.scope(asked.candidate.scope)
        account.files += 1
        account.collected += head.tests
        if head.tests:
            account.counts[CATEGORY] += head.tests
        tests += head.tests
    session.testscollected += tests
    if not tests:
        return
    terminal: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    if not _has_listeners(session.config):
        if terminal is not None:
            terminal._add_stats(CATEGORY, [UNHEARD] * tests)
        return
    reports = [
        report
        for asked, record in store.pairs(hits)
        for report in reports_of(asked.candidate.key, record)
    ]
    manager = session.config.pluginmanager
    ours = [manager.get_plugin("guild-session")]  # whose accounts are settled already
    start, hear, finish = (
        manager.subset_hook_caller(f"pytest_runtest_{name}", ours)
        for name in ("logstart", "logreport", "logfinish")
    )
    for report in reports:
        start(nodeid=report.nodeid, location=report.location)
        hear(report=report)
        hear(report=_teardown(report))
        finish(nodeid=report.nodeid, location=report.location)


def _has_listeners(config: pytest.Config) -> bool:
    """Say whether somebody wants each report: a plugin of others, or a user who looks on."""
    if config.get_verbosity(pytest.Config.VERBOSITY_TEST_CASES) > 0 or config.option.durations:
        return True
    failed = config.pluginmanager.get_plugin("lfplugin")
    if failed is not None and getattr(failed, "lastfailed", None):
        return True
    summing_up = config.hook.pytest_terminal_summary.get_hookimpls()
    if any(impl.plugin_name.endswith("conftest.py") for impl in summing_up):
        return True
    listeners = config.hook.pytest_runtest_logreport.get_hookimpls()
    return any(
        impl.plugin_name not in _KNOWN
        and not impl.plugin_name.startswith("guild-")
        and not isinstance(impl.plugin, pytest.Session)
        for impl in listeners
    )


def reports_of(key: str, record: Record) -> Iterator[pytest.TestReport]:
    """Yield a report for each test, as if it had run."""
    for outcome in record.outcomes:
        yield _report(key, outcome, record.at)


def _report(key: str, outcome: Outcome, at: float) -> pytest.TestReport:
    is_skip = outcome.category in ("skipped", "xfailed")
    report = pytest.TestReport(
        nodeid=key + outcome.name,
        location=(key, outcome.line, outcome.domain),
        keywords={},
        outcome="skipped" if is_skip else "passed",
        longrepr=(key, outcome.line or 0, outcome.reason)
        if outcome.category == "skipped"
        else None,
        when="call",
        duration=outcome.seconds,
        user_properties=[(CATEGORY, when(at))],
    )
    if outcome.category in ("xfailed", "xpassed"):
        report.wasxfail = outcome.reason
    report.guild_cached = at  # type: ignore[attr-defined]
    return report


def _teardown(report: pytest.TestReport) -> pytest.TestReport:
    """Return the end of a reported test, which some plugins wait for."""
    end = pytest.TestReport(
        nodeid=report.nodeid,
        location=report.location,
        keywords={},
        outcome="passed",
        longrepr=None,
        when="teardown",
        user_properties=report.user_properties,
    )
    end.guild_cached = report.guild_cached  # type: ignore[attr-defined]
    return end


def is_cached(report: object) -> bool:
    """Say whether a report is of a test that did not run."""
    return hasattr(report, "guild_cached")
