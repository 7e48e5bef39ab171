"""What failed and where, kept for those who tell it once more at the end.

Only a short form is kept: pytest keeps the reports themselves.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from guild_plugins.suites.words import reason


@dataclass(frozen=True, slots=True)
class Failure:
    """A test or file that did not pass.

    :param kind: ``failed``, ``error`` (setup, teardown, collection) or ``crashed``.
    :param file: From the root directory, with ``/``; where the failing line is if that is
        within the root, else where the test is.
    :param line: Counted from 1; None where it is unknown.
    """

    nodeid: str
    kind: str
    when: str
    message: str
    file: str
    line: int | None
    worker: str | None

    def as_data(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


class Failures:
    """Gathers the failures of a run."""

    def __init__(self, rootpath: Path) -> None:
        self._root = str(rootpath)
        self.all: list[Failure] = []
        self._crashed: set[str] = set()

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str) -> None:
        """Note that the report which follows is about a crash."""
        self._crashed.add(str(crashitem))

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a test that failed."""
        if report.outcome == "failed":
            nodeid = str(report.nodeid)
            kind = "failed" if report.when == "call" else "error"
            kind = "crashed" if nodeid in self._crashed else kind
            path, line, _ = report.location
            self._keep(report, kind, report.when or "call", path, line)

    @pytest.hookimpl
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep a file that could not be collected."""
        if report.failed:
            self._keep(report, "error", "collect", str(report.nodeid).split("::", 1)[0], None)

    def _keep(
        self,
        report: pytest.TestReport | pytest.CollectReport,
        kind: str,
        when: str,
        path: str,
        line: int | None,
    ) -> None:
        file, number = path.replace(os.sep, "/"), None if line is None else line + 1
        crash = getattr(report.longrepr, "reprcrash", None)
        if crash is not None:
            inside = self._inside(str(crash.path))
            if inside is not None and inside.split("/")[-1] != "conftest.py":
                file, number = inside, crash.lineno
        self.all.append(
            Failure(
                nodeid=str(report.nodeid),
                kind=kind,
                when=when,
                message=reason(report),
                file=file,
                line=number,
                worker=getattr(report, "worker_id", None),
            )
        )

    def _inside(self, path: str) -> str | None:
        """Return a path from the root directory; None where it is elsewhere."""
        path = os.path.normpath(os.path.join(self._root, path))
        if not path.startswith(self._root + os.sep):
            return None
        relative = path[len(self._root) + 1 :].replace(os.sep, "/")
        return None if "site-packages" in relative.split("/") else relative
