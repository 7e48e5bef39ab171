"""Reports that no worker can make: of tests and files that brought one down, and the like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from guild_plugins.suites import endings
from guild_plugins.suites.ledger import Ledger
from guild_plugins.suites.nodes import SuiteNode
from guild_plugins.suites.pieces import Pieces

Report = pytest.TestReport | pytest.CollectReport


class Reporter:
    """Hands reports to pytest's hooks and counts them.

    :param count_failure: Called with each report, so that ``--maxfail`` sees it.
    """

    def __init__(
        self,
        config: pytest.Config,
        pieces: Pieces,
        ledger: Ledger,
        count_failure: Callable[[Report], None],
        now: Callable[[], float],
    ) -> None:
        self._config = config
        self._pieces = pieces
        self._ledger = ledger
        self._count_failure = count_failure
        self._now = now
        self._told: Counter[tuple[str, str]] = Counter()
        """Files and directories that could not be collected, with their outcome."""

    def tell(self, report: pytest.TestReport) -> None:
        """Hand a test's report on."""
        self._config.hook.pytest_runtest_logreport(report=report)
        self._count_failure(report)

    def crash(self, node: SuiteNode, piece: int, nodeid: str, why: str, session: object) -> None:
        """Report the test that a worker died in."""
        work = self._pieces.work(piece)
        path = nodeid.split("::")[0]
        report = pytest.TestReport(
            nodeid=nodeid,
            location=(path, None, nodeid[len(path) + 2 :]),
            keywords={},
            outcome="failed",
            longrepr=endings.sentence(node.gateway.id, why, f"running {nodeid}"),
            when="call",
            sections=(),
            worker_id=node.gateway.id,
            node=node,
        )
        hook = self._config.hook
        hook.pytest_handlecrashitem(crashitem=nodeid, report=report, sched=session)
        self.tell(report)
        self._ledger.count(work.unit.scope, "crashed", self._now())
        self._ledger.partial_files.update(work.keys)

    def file_crash(self, node: SuiteNode, piece: int, why: str) -> None:
        """Report the file that a worker died in while it collected it."""
        work = self._pieces.work(piece)
        nodeid = work.keys[0]
        text = endings.sentence(node.gateway.id, why, f"collecting {nodeid}")
        self.error(work.unit.scope, nodeid, text)

    def not_found(self, node: SuiteNode, piece: int, ids: tuple[str, ...]) -> None:
        """Report tests that one worker collected and another did not find."""
        for nodeid in ids:
            self.error(
                self._pieces.work(piece).unit.scope,
                self._pieces.prefix(node) + nodeid,
                f"{nodeid} was collected once and not found again: its id is not stable. "
                "Give its parameters ids.",
            )

    def error(self, scope: str, nodeid: str, text: str) -> None:
        """Report something that could not be collected."""
        report = pytest.CollectReport(nodeid, "failed", text, [])
        self._config.hook.pytest_collectreport(report=report)
        self._count_failure(report)
        self._ledger.count(scope, "error", self._now())

    def collected(self, node: SuiteNode, data: dict[str, Any]) -> None:
        """Report a file or directory that a worker could not collect, once."""
        data["nodeid"] = self._pieces.prefix(node) + data["nodeid"]
        hook = self._config.hook
        report = hook.pytest_report_from_serializable(config=self._config, data=data)
        key = (report.nodeid, report.outcome)
        node.told[key] += 1  # a file may have several collectors, each with its report
        if node.told[key] <= self._told[key]:
            return
        self._told[key] += 1
        if node.opening is not None:
            scope = self._pieces.work(node.opening).unit.scope
            self._ledger.count(scope, "error" if report.failed else "skipped", self._now())
        hook.pytest_collectreport(report=report)
        self._count_failure(report)
