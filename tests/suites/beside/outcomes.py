"""A pytest plugin that writes down every outcome that a session's own process hears of."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

_is_taken = False


def pytest_configure(config: pytest.Config) -> None:
    """Write in the outermost session alone: not in workers, and not in sessions within it."""
    global _is_taken
    if hasattr(config, "workerinput") or _is_taken:
        return
    _is_taken = True
    config.pluginmanager.register(Outcomes(config, os.environ["OUTCOMES"]), "outcomes-writer")


class Outcomes:
    """Writes one line of JSON for each outcome, at once."""

    def __init__(self, config: pytest.Config, path: str) -> None:
        self._config = config
        self._path = path

    def _write(self, *fields: str) -> None:
        with Path(self._path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(fields) + "\n")

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        hook = self._config.hook
        status: Any = hook.pytest_report_teststatus(report=report, config=self._config)
        category = status[0] if status else self._without_a_terminal(report)
        if category:
            self._write("test", str(report.nodeid), category, report.longreprtext)

    @staticmethod
    def _without_a_terminal(report: pytest.TestReport) -> str:
        if report.outcome == "passed" and report.when != "call":
            return ""
        return report.outcome

    @pytest.hookimpl(trylast=True)
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if not report.passed:
            self._write("file", str(report.nodeid), report.outcome, report.longreprtext)

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str) -> None:
        self._write("crash", str(crashitem), "crashed", "")
