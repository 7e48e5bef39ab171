"""Turns a worker's records back into pytest's reports, on the controller."""

from __future__ import annotations

from typing import Any

import pytest

from guild_plugins.suites.nodes import SuiteNode
from guild_plugins.suites.wire import Record


class Replayer:
    """Rebuilds the reports of one worker.

    :param prefix: Put before node ids and locations: the path of the suite's
        own root directory, with a trailing slash, or nothing.
    """

    def __init__(self, node: SuiteNode, prefix: str) -> None:
        self._node = node
        self._prefix = prefix
        self._nodeid: Any = ""
        self._location: tuple[str, int | None, str] = ("", None, "")
        self._keywords: dict[str, Any] = {}

    def start(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        """Begin a test: what follows is about it."""
        self._nodeid = self._prefix + nodeid
        self._location = (self._prefix + location[0], location[1], location[2])
        self._keywords = {}
        self._node.config.hook.pytest_runtest_logstart(nodeid=self._nodeid, location=self._location)

    def finish(self) -> None:
        """End the test."""
        self._node.config.hook.pytest_runtest_logfinish(
            nodeid=str(self._nodeid), location=self._location
        )

    def passed(self, record: Record) -> pytest.TestReport:
        """Rebuild the report of a phase that passed without a word."""
        _, when, duration, start, stop, keywords, index = record
        if keywords is not None:
            self._keywords = keywords
        report = pytest.TestReport(
            self._nodeid,
            self._location,
            self._keywords,
            "passed",
            None,
            when,
            (),
            duration,
            start,
            stop,
            item_index=index,
            worker_id=self._node.gateway.id,
            testrun_uid=self._node.workerinput["testrunuid"],
            node=self._node,
        )
        # Newer pytest parses a node id into parts: once per test is enough.
        self._nodeid = getattr(report, "id", self._nodeid)
        return report

    def full(self, data: dict[str, Any]) -> pytest.TestReport:
        """Rebuild any other report as pytest serialised it."""
        if self._prefix:
            data["nodeid"] = self._prefix + data["nodeid"]
            if data.get("location"):
                path, line, domain = data["location"]
                data["location"] = (self._prefix + path, line, domain)
        config = self._node.config
        report: pytest.TestReport = config.hook.pytest_report_from_serializable(
            config=config, data=data
        )
        report.node = self._node  # type: ignore[attr-defined]
        return report
