"""A pytest plugin that notes when the first test ended, each outcome, and what was collected.

Every way to run carries it, in the controller and in the workers. It is copied
beside the suite and imports nothing of this project.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

COLLECTED = "benchmark_collected"


def pytest_configure(config: pytest.Config) -> None:
    """Start to note."""
    is_worker = hasattr(config, "workerinput")
    config.pluginmanager.register(InWorker(config) if is_worker else Probe(), "benchmark-probe")


class InWorker:
    """Counts what a worker collects."""

    def __init__(self, config: Any) -> None:
        self._output = config.workeroutput
        self._output[COLLECTED] = 0

    def pytest_itemcollected(self) -> None:
        self._output[COLLECTED] += 1


class Probe:
    """Notes the rest, and writes it down at the end."""

    def __init__(self) -> None:
        self._first: float | None = None
        self._outcomes: dict[str, str] = {}
        self._collected: list[int] = []
        self._own = 0

    def pytest_itemcollected(self) -> None:
        self._own += 1

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "teardown" and self._first is None:
            self._first = time.monotonic()
        if report.when == "call" or report.outcome != "passed":
            self._outcomes[report.nodeid] = f"{report.when} {report.outcome}"

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self._collected.append((getattr(node, "workeroutput", None) or {}).get(COLLECTED, 0))

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        noted = {
            "first": self._first,
            "outcomes": self._outcomes,
            "collected": self._collected or [self._own],
        }
        Path(os.environ["BENCHMARK_NOTES"]).write_text(json.dumps(noted))
