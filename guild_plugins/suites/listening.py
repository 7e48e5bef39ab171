"""What workers say while they run tests: into the accounts, pytest's hooks and the scheduler."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from guild_plugins.engine import messages as core
from guild_plugins.suites.categories import category_of
from guild_plugins.suites.ledger import Ledger
from guild_plugins.suites.nodes import Opened, Selection, SuiteNode
from guild_plugins.suites.pieces import Pieces
from guild_plugins.suites.replay import Replayer
from guild_plugins.suites.reporting import Reporter
from guild_plugins.suites.wire import Record, Tag, decode


class Listener:
    """Handles the records of all workers.

    :param tell: Tells the scheduler what happened.
    :param did_work: Called with a pool's name when tests of it ended.
    :param give_up: Called with a scope that failed too often, and why.
    :param refuse: Called with what the command line names and does not exist.
    """

    def __init__(
        self,
        session: pytest.Session,
        pieces: Pieces,
        ledger: Ledger,
        reporter: Reporter,
        *,
        scope_maxfail: int,
        tell: Callable[[Any], None],
        did_work: Callable[[str], None],
        give_up: Callable[[str, str], None],
        refuse: Callable[[tuple[str, ...]], None],
        now: Callable[[], float],
    ) -> None:
        self._session = session
        self._config = session.config
        self._terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        self._pieces = pieces
        self._ledger = ledger
        self._reporter = reporter
        self._scope_maxfail = scope_maxfail
        self._tell = tell
        self._did_work = did_work
        self._give_up = give_up
        self._refuse = refuse
        self._now = now
        self._replayers: dict[str, Replayer] = {}

    def hear(self, node: SuiteNode, batch: bytes) -> None:
        """Handle a batch of records, in the order in which they were put."""
        replayer = self._replayers.get(node.gateway.id)
        if replayer is None:
            replayer = Replayer(node, self._pieces.prefix(node))
            self._replayers[node.gateway.id] = replayer
        now = self._now()
        done: dict[int, int] = {}
        for record in decode(batch):
            tag = record[0]
            if tag == Tag.PHASE_PASSED:
                self._note_report(node, replayer.passed(record), now)
            elif tag == Tag.TEST_STARTED:
                _, piece, nodeid, location = record
                node.current = (piece, nodeid)
                replayer.start(nodeid, location)
            elif tag == Tag.TEST_FINISHED:
                replayer.finish()
            elif tag == Tag.TEST_DONE:
                _, piece, spent = record
                self._note_done(node, piece, spent, now)
                done[piece] = done.get(piece, 0) + 1
            elif tag == Tag.REPORT:
                self._note_report(node, replayer.full(record[1]), now)
            else:
                self._flush_progress(node, done, now)
                self._handle(node, record, now)
        self._flush_progress(node, done, now)

    def _flush_progress(self, node: SuiteNode, done: dict[int, int], now: float) -> None:
        if done:
            self._did_work(node.pool)
        for piece, count in done.items():
            self._tell(core.TestsFinished(node.gateway.id, piece, count, now))
        done.clear()

    # -- tests -----------------------------------------------------------------

    def _note_report(self, node: SuiteNode, report: pytest.TestReport, now: float) -> None:
        self._reporter.tell(report)
        if node.current is None:
            return
        scope = self._pieces.work(node.current[0]).unit.scope
        if report.outcome == "passed" and report.when == "call" and not hasattr(report, "wasxfail"):
            category = "passed"
        elif report.outcome == "passed" and not hasattr(report, "wasxfail"):
            return
        else:
            category = category_of(self._config, report)
        self._ledger.count(scope, category, now)
        if report.failed:
            self._note_failure(scope)

    def _note_failure(self, scope: str) -> None:
        account = self._ledger.scope(scope)
        if self._scope_maxfail and account.failures >= self._scope_maxfail:
            self._give_up(scope, f"stopped after {account.failures} failures")

    def _note_done(self, node: SuiteNode, piece: int, spent: float, now: float) -> None:
        work = self._pieces.work(piece)
        account = self._ledger.scope(work.unit.scope)
        account.worker_s += spent
        account.ran += 1
        account.touch(now)
        worker = self._ledger.worker(node.gateway.id)
        worker.ran += 1
        worker.busy_s += spent
        opened = node.held.get(piece)
        if opened is not None:
            opened.ended += 1
            if node.current is not None:
                opened.done.add(node.current[1])
        key = work.keys[0]
        if len(work.keys) > 1 and node.current is not None:
            key = self._pieces.prefix(node) + node.current[1].split("::", 1)[0]
        self._ledger.file_seconds[key] = self._ledger.file_seconds.get(key, 0.0) + spent
        node.current = None

    # -- pieces ----------------------------------------------------------------

    def _handle(self, node: SuiteNode, record: Record, now: float) -> None:
        tag, *said = record
        if tag == Tag.XDIST_EVENT:
            self._pass_on(node, *said)
        elif tag == Tag.FOREIGN_IMPORT:
            raise pytest.UsageError(said[0])
        elif tag == Tag.UNKNOWN_NAMES:
            self._refuse(said[0])
        elif tag == Tag.DESELECTED:
            self._note_deselected(node, said[0])
        elif tag == Tag.NOT_FOUND:
            self._reporter.not_found(node, *said)
        elif tag == Tag.UNIT_FORGOTTEN:
            self._pieces.note_forgotten(node, *said)
        else:
            self._note_piece(node, tag, said, now)

    def _note_piece(self, node: SuiteNode, tag: int, said: list[Any], now: float) -> None:
        name = node.gateway.id
        if tag == Tag.UNIT_OPENING:
            node.opening = said[0]
            node.told.clear()
            self._pieces.account(said[0]).touch(now)
        elif tag in (Tag.UNIT_OPENED, Tag.UNIT_GREW):
            self._note_collected(node, tag, said, now)
        elif tag == Tag.UNIT_CLOSED:
            node.held.pop(said[0], None)
            self._pieces.end(said[0])
            self._tell(core.UnitClosed(name, said[0], now))
        elif tag == Tag.HUNGRY:
            self._tell(core.WorkerHungry(name, now))
        elif tag == Tag.UNIT_RETURNED:
            node.held.pop(said[0], None)
            self._tell(core.UnitReturned(name, said[0], now))
        elif tag == Tag.TESTS_RETURNED:
            self._note_returned(node, said[0], said[1], now)
        elif tag == Tag.UNREAD_RETURNED:
            self._note_unread(node, said, now)

    def _pass_on(self, node: SuiteNode, name: str, kwargs: dict[str, Any]) -> None:
        if name == "collectreport":
            self._reporter.collected(node, kwargs["data"])
        else:
            node.process_from_remote((name, kwargs))

    def _note_collected(self, node: SuiteNode, tag: int, said: list[Any], now: float) -> None:
        piece, tests, total, spent, unread = said
        is_opening = tag == Tag.UNIT_OPENED
        work = self._pieces.work(piece)
        account = self._ledger.scope(work.unit.scope)
        worker = self._ledger.worker(node.gateway.id)
        worker.collected += total
        worker.busy_s += spent
        account.worker_s += spent
        opened = node.held.get(piece)
        if opened is not None:
            opened.is_open = True
            opened.tests += tests
            opened.unread = unread
            account.collected += opened.new_among(tests, total)
            if opened.selection.is_whole and is_opening:
                account.files += len(work.files)
        self._session.testscollected += tests
        event = core.UnitOpened if is_opening else core.UnitGrew
        self._tell(event(node.gateway.id, piece, tests, now, unread))
        if is_opening:
            node.opening = None

    def _note_returned(self, node: SuiteNode, piece: int, ids: tuple[str, ...], now: float) -> None:
        opened = self._note_stolen(node, piece, ids)
        if opened is not None:
            opened.tests -= len(ids)
        self._session.testscollected -= len(ids)
        payload = Selection(only=frozenset(ids))
        self._tell(core.TestsReturned(node.gateway.id, piece, len(ids), payload, now))

    def _note_unread(self, node: SuiteNode, said: list[Any], now: float) -> None:
        piece, parts, count = said
        opened = self._note_stolen(node, piece, parts)
        if opened is not None:
            opened.unread = max(opened.unread - count, 0)
        payload = Selection(None, frozenset(parts), self._skipped(opened), about=count)
        self._tell(core.TestsReturned(node.gateway.id, piece, count, payload, now, unread=True))

    def _note_stolen(self, node: SuiteNode, piece: int, ids: tuple[str, ...]) -> Opened | None:
        """Account for what a worker gave up, and return what it holds of the piece."""
        opened = node.held.get(piece)
        if ids:
            self._ledger.add_piece(self._pieces.work(piece).unit.id)
            self._pieces.account(piece).steals += 1
            self._ledger.steals += 1
            if opened is not None:
                opened.done.update(ids)
        return opened

    @staticmethod
    def _skipped(opened: Opened | None) -> frozenset[str]:
        """Return what a part of a piece must leave out since the piece did."""
        return frozenset() if opened is None else opened.selection.skip

    def _note_deselected(self, node: SuiteNode, ids: tuple[str, ...]) -> None:
        self._ledger.deselected += len(ids)
        prefix = self._pieces.prefix(node)
        self._ledger.partial_files.update({prefix + nodeid.split("::", 1)[0] for nodeid in ids})
        if self._terminal:
            # Plugins expect objects with attributes there, such as pytest's items.
            items = [SimpleNamespace(nodeid=prefix + nodeid) for nodeid in ids]
            self._terminal.stats.setdefault("deselected", []).extend(items)
