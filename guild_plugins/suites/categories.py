"""What pytest calls an outcome."""

from __future__ import annotations

import pytest


def category_of(config: pytest.Config, report: pytest.TestReport) -> str:
    """Return pytest's category of a report; empty where it does not count.

    Plugins are asked first. The general answer is the terminal's, and is given
    here too, since a run may do without a terminal.
    """
    status = config.hook.pytest_report_teststatus(report=report, config=config)
    if status:
        return str(status[0])
    if report.passed:
        return "passed" if report.when == "call" else ""
    if report.skipped:
        return "skipped"
    return "failed" if report.when == "call" else "error"
