"""One process: the suites one after the other, each scope still on its own account.

pytest collects as it always does. Suites with a session of their own (a root
directory, an ini-file, arguments or variables) run after the others, each in a
nested pytest whose modules, paths and directory are taken away again, so that
the next one may use the same names. A crash takes the run
with it here: that is what workers are for.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import pytest

from guild_plugins.suites.alone import as_if_alone, plugin_of
from guild_plugins.suites.categories import category_of
from guild_plugins.suites.guard import Guard
from guild_plugins.suites.heap import Heap
from guild_plugins.suites.ledger import Ledger
from guild_plugins.suites.nested import Nested, path_of, run_session
from guild_plugins.suites.plan import Plan
from guild_plugins.suites.pools import Pool


class InProcess:
    """Keeps the accounts of a run in this process, and runs nested suites."""

    def __init__(self, config: pytest.Config, plan: Plan, ledger: Ledger) -> None:
        self.config = config
        self.plan = plan
        self.ledger = ledger
        self._scope_of = {key: work.unit.scope for work in plan.works for key in work.keys}
        self._unit_of = {key: work.unit.id for work in plan.works for key in work.keys}
        self._left: Counter[int] = Counter()
        ledger.expect((work.unit.id, work.unit.scope) for work in plan.works)
        guard = plan.guard
        self._guard = Guard(guard["root"], guard["owned"]) if guard else None
        self._heap = Heap() if plan.freezes else None
        if self._heap:
            self._heap.install()
        self._worker = ledger.worker("main")
        self._started: float | None = None
        self._stop_collecting_elsewhere()

    def _stop_collecting_elsewhere(self) -> None:
        homes = [pool.root for pool in self.plan.pools.values() if pool.root]
        self._homes = frozenset(homes)
        self._nested_files = self.files_of(lambda pool: pool.name != "")
        if not self._nested_files:
            return
        self.config.args = [
            argument
            for argument in self.config.args
            if str(path := path_of(self.config, argument)) not in self._nested_files
            and not any(path.is_relative_to(home) for home in homes)
        ]

    _homes: frozenset[Path] = frozenset()

    def files_of(self, chooses: Callable[[Pool], bool]) -> frozenset[str]:
        """Return the absolute paths of all files that are to run in the chosen pools."""
        names = {name for name, pool in self.plan.pools.items() if chooses(pool)}
        works = [work for work in self.plan.works if work.unit.pool in names]
        return frozenset(file for work in works for file in work.files)

    # -- session ---------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Open the accounts."""
        now = time.perf_counter()
        self.ledger.started_at = self._worker.started_at = self._worker.ready_at = now

    @pytest.hookimpl
    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Leave out what another session runs, and the scopes that were not asked for."""
        if collection_path in self._homes or str(collection_path) in self._nested_files:
            return True
        return True if self.leaves_out(str(collection_path)) else None

    def leaves_out(self, path: str) -> bool:
        """Tell whether a file was found and not chosen."""
        return path in self.plan.left_out and not Path(path).is_dir()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Count what was collected, by scope."""
        self.look_for_foreign_imports()
        if self._heap:
            self._heap.settle()
        self.note_collected("", [item.nodeid for item in session.items])

    def look_for_foreign_imports(self) -> None:
        """Stop where a module of the tree was loaded from elsewhere.

        :raises pytest.UsageError: One was.
        """
        foreign = self._guard.look() if self._guard else None
        if foreign is not None:
            raise pytest.UsageError(str(foreign))

    def note_collected(self, pool: str, nodeids: Sequence[str]) -> None:
        """Account for all tests of a pool that are to run."""
        for nodeid in nodeids:
            self.ledger.scope(self._scope(nodeid)).collected += 1
            self._left[self._unit(nodeid)] += 1
        self._worker.collected += len(nodeids)
        for work in self.plan.works:
            if work.unit.pool == pool and not self._left[work.unit.id]:
                self.ledger.end_piece(work.unit.id)

    @pytest.hookimpl
    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Note that files do not run as a whole."""
        self.note_deselected([item.nodeid for item in items])

    def note_deselected(self, nodeids: Sequence[str]) -> None:
        """Account for tests that are not to run."""
        self.ledger.deselected += len(nodeids)
        self._worker.collected += len(nodeids)
        for nodeid in nodeids:
            self.ledger.scope(self._scope(nodeid)).collected += 1
        self.ledger.partial_files.update(nodeid.split("::", 1)[0] for nodeid in nodeids)

    def _unit(self, nodeid: str) -> int:
        return self._unit_of.get(nodeid.split("::", 1)[0], -1)

    def _note_gone(self, nodeid: str) -> None:
        unit = self._unit(nodeid)
        self._left[unit] -= 1
        if self._left[unit] == 0:
            self.ledger.end_piece(unit)

    def _write_off(self, reason: str) -> None:
        """Account for the tests that were not reached."""
        for work in self.plan.works:
            left = self._left[work.unit.id]
            if left > 0:
                self.ledger.scope(work.unit.scope).not_run[reason] += left
                self.ledger.partial_files.update(work.keys)
                self.ledger.end_piece(work.unit.id)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Run the nested suites after those of this session."""
        try:
            result = yield
            for pool in self.plan.pools.values():
                if pool.name and self._has_work(pool):
                    self._run_nested(session, pool)
                    _stop_if_asked(session)
            return result
        finally:
            self._write_off(str(session.shouldfail or session.shouldstop or "interrupted"))
            self.ledger.ended_at = self._worker.ended_at = time.perf_counter()

    def _has_work(self, pool: Pool) -> bool:
        return any(work.unit.pool == pool.name for work in self.plan.works)

    @pytest.hookimpl
    def pytest_unconfigure(self) -> None:
        """Give the collector back."""
        if self._heap:
            self._heap.uninstall()

    # -- tests -----------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Pass over the tests of a scope that was stopped."""
        return self.passes_over(item.nodeid)

    def passes_over(self, nodeid: str) -> bool | None:
        """Tell whether a test is not to run, and account for it then."""
        scope = self._scope(nodeid)
        account = self.ledger.scope(scope)
        now = time.perf_counter()
        account.touch(now)
        self._started = now
        limit = self.plan.timeouts.get(scope)
        if limit and account.stopped is None and account.worker_s > limit:
            account.stopped = f"scope {scope} ran longer than {limit:g} s"
        if account.stopped is None:
            return None
        account.not_run[account.stopped] += 1
        self.ledger.partial_files.add(nodeid.split("::", 1)[0])
        self._note_gone(nodeid)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count an outcome."""
        scope = self._scope(report.nodeid)
        now = time.perf_counter()
        self.ledger.count(scope, category_of(self.config, report), now)
        if report.failed:
            self._note_failure(scope)

    def _note_failure(self, scope: str) -> None:
        account = self.ledger.scope(scope)
        limit = self.plan.scope_maxfail
        if limit and account.failures >= limit and account.stopped is None:
            account.stopped = f"stopped after {account.failures} failures"

    @pytest.hookimpl
    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Note how long the test took."""
        if self._started is None:
            return
        now = time.perf_counter()
        spent, self._started = now - self._started, None
        self._worker.ran += 1
        self._worker.busy_s += spent
        account = self.ledger.scope(self._scope(nodeid))
        account.worker_s += spent
        account.ran += 1
        account.touch(now)
        key = nodeid.split("::", 1)[0]
        self.ledger.file_seconds[key] = self.ledger.file_seconds.get(key, 0.0) + spent
        self._note_gone(nodeid)

    @pytest.hookimpl
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Count a file that could not be collected."""
        if report.passed:
            return
        category = "error" if report.failed else "skipped"
        scope = self._scope(report.nodeid)
        self.ledger.count(scope, category, time.perf_counter())

    def _scope(self, nodeid: str) -> str:
        key = nodeid.split("::", 1)[0]
        scope = self._scope_of.get(key)
        if scope is None:
            scope = self._scope_of[key] = self.plan.owner_of_key(key)
        return scope

    # -- nested ------------------------------------------------------------------

    def _run_nested(self, session: pytest.Session, pool: Pool) -> None:
        """Run a suite in a session of its own; how that ends is how this one ends.

        A plugin that cannot be set up a second time gets modules of its own for it.
        """
        files = self.files_of(lambda other: other.name == pool.name)
        anew: set[str] = set()
        while True:
            nested = Nested(self, session, pool)
            with as_if_alone(pool, files, anew):
                run_session(pool, nested)
            if nested.ending is None:
                return
            if nested.is_up:
                raise nested.ending
            plugin = plugin_of(nested.ending)
            if plugin is None or plugin in anew:
                self._cannot_set_up(pool, nested.ending)
                return
            anew.add(plugin)

    def _cannot_set_up(self, pool: Pool, error: BaseException) -> None:
        """Note that a suite's own session did not come up, and how it would."""
        why = (
            f"could not be set up after others in one process ({type(error).__name__}: {error}); "
            "with -n 1 it has a process of its own"
        )
        for work in self.plan.works:
            account = self.ledger.scope(work.unit.scope)
            if work.unit.pool == pool.name and account.stopped is None:
                account.stopped = why
        where = pool.prefix.rstrip("/") or pool.name
        report = pytest.CollectReport(where, "failed", f"{where} {why}", [])
        self.config.hook.pytest_collectreport(report=report)


def _stop_if_asked(session: pytest.Session) -> None:
    """Stop where pytest's own loop would: after ``--maxfail`` failures, or at a plugin's wish."""
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    if session.shouldstop:
        raise session.Interrupted(session.shouldstop)
