"""syrupy, which takes every worker to have collected the whole suite.

Its controller keeps what the first worker collected and leaves out what the others send, since
with xdist all send the same; and it expects a report of as many workers as ``-n`` says. With
collection on demand each worker knows its own part, and fewer may be started. So what they
collected is joined before syrupy looks, and a worker that was never started counts as one that
had nothing to say. Versions that send no such reports are let be.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Generator
from typing import Any

import pytest

_NOTHING = {"collections": {}, "num_xfails": 0, "selected": {}}
"""The report of a worker without tests."""


class Snapshots:
    """Completes what syrupy was told, where it is installed."""

    def __init__(self) -> None:
        self._workers = 0

    @pytest.hookimpl
    def pytest_configure_node(self) -> None:
        """Count the workers that were started."""
        self._workers += 1

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Complete the workers' reports before syrupy judges them."""
        reports = getattr(getattr(session.config, "_syrupy", None), "_worker_reports", None)
        if isinstance(reports, list) and reports:
            _join(reports)
            asked = session.config.getoption("numprocesses", 0)
            if isinstance(asked, int):
                reports.extend(dict(_NOTHING) for _ in range(asked - self._workers))
        return (yield)


def _join(reports: list[dict[str, Any]]) -> None:
    """Let the first of the reports have what all of them collected."""
    collected: dict[str, Any] = {}
    for report in reports:
        items = report.pop("collected", ())
        if isinstance(items, bytes):
            items = json.loads(zlib.decompress(items))
        collected.update((item["nodeid"], item) for item in items)
    if collected:
        reports[0]["collected"] = list(collected.values())
