"""The controller's side: xdist's session, with our scheduling in place of its own.

Everything that decides is in ``engine.scheduling``; this class turns what
workers say into its events, and its instructions into commands. xdist brings
up the processes, and its hooks (``pytest_configure_node``, ``pytest_testnodedown``
and the rest) are called where plugins expect them.
"""

from __future__ import annotations

import contextlib
import gc
import shutil
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from queue import Empty
from types import SimpleNamespace
from typing import Any

import execnet
import pytest
from xdist.dsession import DSession
from xdist.workermanage import NodeManager

from guild_plugins.engine import messages as core
from guild_plugins.engine.scheduling import Scheduler
from guild_plugins.suites import endings, remote
from guild_plugins.suites.categories import category_of
from guild_plugins.suites.cores import Watch, wants_core
from guild_plugins.suites.ledger import Account, Ledger
from guild_plugins.suites.nodes import Opened, SuiteNode
from guild_plugins.suites.plan import Plan, Work
from guild_plugins.suites.pools import Pool
from guild_plugins.suites.replay import Replayer
from guild_plugins.suites.wire import Record, Tag, decode

CRASHES_PER_SCOPE = 32
"""Workers that one scope may bring down before the rest of it is given up."""


class ScopeSession(DSession):
    """A distributed session whose workers collect on demand."""

    shouldstop: bool | str

    def __init__(self, config: pytest.Config, plan: Plan, ledger: Ledger) -> None:
        self.config = config
        self._drop_xdist_terminal()  # xdist's own session may have been made before ours
        super().__init__(config)
        self._drop_xdist_terminal()
        self.plan = plan
        self.ledger = ledger
        self.scheduler = Scheduler(
            [work.unit for work in plan.works],
            limit=plan.limit,
            cores=plan.cores,
            share=plan.share,
        )
        self._watch = Watch(is_on=plan.cores is not None and plan.cores < plan.limit)
        self._pieces: dict[int, core.Piece] = {}
        self._nodes: dict[str, SuiteNode] = {}
        self._replayers: dict[str, Replayer] = {}
        self._specs: list[execnet.XSpec] = []
        self._started = 0
        self._booting = 0
        """Processes that are on their way."""
        self._deaths = endings.Deaths()
        self._told: Counter[tuple[str, str]] = Counter()
        """Files and directories that could not be collected, with their outcome."""
        self._unknown: list[str] = []
        """What the command line names and does not exist."""
        self._ending: BaseException | None = None
        """What ends the run before its time, as pytest would raise it."""
        self._shared: Path | None = None
        self._blamed: set[int] = set()
        """Pieces whose collection brought a worker down."""
        self._is_stopping = False
        self._checked_at = self._now()
        self._time_in: dict[str, float] = defaultdict(float)
        """Seconds in which some worker was in the scope."""
        ledger.expect((work.unit.id, work.unit.scope) for work in plan.works)
        self.on_tick: Callable[[], None] | None = None
        """Called several times a second: nothing may have happened."""

    # -- session -------------------------------------------------------------

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Start the workers that the plan is worth."""
        self._drop_xdist_terminal()
        self._session = session
        self.shouldstop = False
        self.ledger.started_at = self._now()
        self._shared = Path(tempfile.mkdtemp(prefix="guild-run-"))
        self.nodemanager = NodeManager(self.config)
        self._specs = list(self.nodemanager.specs)
        self.config.hook.pytest_xdist_setupnodes(config=self.config, specs=self._specs)
        self._perform(self.scheduler.begin(self._now()))

    @pytest.hookimpl
    def pytest_xdist_getremotemodule(self) -> object:
        """Ship our worker in place of xdist's."""
        return remote

    @pytest.hookimpl
    def pytest_runtestloop(self) -> bool:
        """Handle what workers say until none is left."""
        while self._active_nodes or self._booting:
            self.loop_once()
            self._look_for_an_end()
        self.ledger.ended_at = self._now()
        self._note_width()
        if isinstance(self._ending, pytest.UsageError):
            raise pytest.UsageError(*self._unknown)
        if self._ending is not None:
            raise self._ending
        return True

    def _look_for_an_end(self) -> None:
        """Stop where pytest would: after ``--maxfail`` failures, or where a plugin asks for it."""
        session = self._session
        if session is None or self._ending is not None:
            return
        if session.shouldfail:
            self._break_off(session.Failed(session.shouldfail))
        elif session.shouldstop or self.shouldstop:
            self._break_off(session.Interrupted(session.shouldstop or self.shouldstop))

    @pytest.hookimpl
    def pytest_sessionfinish(self) -> None:
        """End all workers."""
        for node in self._nodes.values():  # there are none, unless the loop was broken off
            self._send_stop(node)
            self._write_off_held(node)
        super().pytest_sessionfinish()
        self._remove_shared()
        # pytest goes through the whole heap five times before it ends, for what tests left
        # behind. None ran here.
        gc.freeze()

    @pytest.hookimpl
    def pytest_unconfigure(self) -> None:
        """End all workers of a session that was not even begun."""
        if self._shared is not None and self.nodemanager is not None:
            self.nodemanager.teardown_nodes()
        self._remove_shared()

    def _remove_shared(self) -> None:
        if self._shared is not None:
            shutil.rmtree(self._shared, ignore_errors=True)
            self._shared = None

    def loop_once(self) -> None:
        """Handle one event, or look at the clock."""
        try:
            name, kwargs = self.queue.get(timeout=self._watch.tick)
        except Empty:
            pass
        else:
            getattr(self, f"worker_{name}")(**kwargs)
        self._check_deadlines()
        self._watch_workers()
        if self.on_tick is not None:
            self.on_tick()

    def _watch_workers(self) -> None:
        """Look now and then whether those that are at work want a core."""
        now = self._now()
        if not self._watch.is_due(now):
            return
        at_work = [n for n in self._nodes.values() if n.current or n.opening is not None]
        pids = [pid for node in at_work if (pid := node.pid) is not None]
        if pids:
            self._tell(core.WorkersSampled(len(pids), sum(map(wants_core, pids)), now))

    def _note_width(self) -> None:
        if not self._watch.is_on:
            return
        width = self.scheduler.width
        self.ledger.share = width.share
        if width.workers < self.plan.limit and self._started == width.workers:
            self.plan.notes.append(
                f"{width.workers} of {self.plan.limit} workers: the tests keep {self.plan.cores} "
                "cores busy (--guild-all-workers starts all)"
            )

    # -- workers' lives ----------------------------------------------------------

    def worker_workerready(self, node: Any, workerinfo: Any) -> None:
        """Put a worker that came up to work."""
        node.workerinfo = workerinfo
        node.workerinfo["id"] = node.gateway.id
        node.workerinfo["spec"] = node.gateway.spec
        node.is_ready = True
        self._deaths.came_up(node.pool)
        self.ledger.worker(node.gateway.id).ready_at = self._now()
        self.config.hook.pytest_testnodeready(node=node)
        self._tell(core.WorkerReady(node.gateway.id, node.pool, self._now()))

    def worker_workerfinished(self, node: Any) -> None:
        """Take leave of a worker that ended by itself."""
        self.config.hook.pytest_testnodedown(node=node, error=None)
        if node.trouble is None:
            ending = self._ending_of(node)
            if ending is not None:
                self._break_off(ending)
        why = "stopped" if self._is_stopping else "ended before its work was done"
        self._end(node, node.trouble or why, blame=node.trouble is not None)

    def _ending_of(self, node: Any) -> BaseException | None:
        """Return what a worker ended with before its time, as it would end pytest."""
        assert self._session is not None
        output = node.workeroutput
        said = output.get("guild_interrupt")
        if said is not None and said["is_exit"]:
            return pytest.exit.Exception(said["text"], said["returncode"])
        if said is not None:
            doing = f" in {self._prefix(node)}{node.current[1]}" if node.current else ""
            return self._session.Interrupted(f"interrupted{doing} ({node.gateway.id})")
        if output["shouldfail"]:
            return self._session.Failed(output["shouldfail"])
        if output["shouldstop"]:
            return self._session.Interrupted(output["shouldstop"])
        return None

    def worker_internal_error(self, node: Any, formatted_error: str) -> None:
        """Keep the error of a worker that breaks down; its end follows."""
        node.trouble = endings.broken_down(formatted_error)

    def worker_errordown(self, node: Any, error: object | None) -> None:
        """Account for a worker that died."""
        self.config.hook.pytest_testnodedown(node=node, error=error)
        leftover = node.leftover()
        if leftover:
            self._replay(node, leftover)
        told = getattr(error, "formatted", None)  # an exception in its first lines
        why = endings.broken_down(told) if told else endings.CRASHED
        self._end(node, node.trouble or why, blame=True)

    def _end(self, node: SuiteNode, why: str, *, blame: bool) -> None:
        name = node.gateway.id
        self._active_nodes.discard(node)
        self._nodes.pop(name, None)
        account = self.ledger.worker(name)
        account.ended_at = self._now()
        with contextlib.suppress(OSError):
            node.gateway.exit()  # does not wait: the process winds down beside the others
        if node.is_released and not node.held:
            self._tell(core.WorkerStopped(name, self._now()))
            return
        account.end = endings.brief(why)
        if self._is_stopping:
            if blame:
                self._mark_culprit(node, why)
            self._write_off_held(node)
            return
        self._lose(node, why)
        self._count_restart(name)

    def _lose(self, node: SuiteNode, why: str) -> None:
        """Name the test that did it, and have the rest run elsewhere."""
        name, now = node.gateway.id, self._now()
        if not node.is_ready:
            self.report_line(f"[{name}] did not come up: {endings.brief(why)}")
            self._fail_start(node.pool, why)
            return
        culprit = self._mark_culprit(node, why)
        remaining: list[core.Remainder] = []
        dropped: list[int] = []
        for piece, opened in node.held.items():
            if not opened.is_open:
                if piece == culprit:
                    dropped.append(piece)  # the file itself brought the worker down
                    self.ledger.end_piece(self._work(piece).unit.id)
                continue
            left = opened.tests - opened.ended
            if left > 0:
                payload = (opened.only, opened.skip | opened.done)
                remaining.append(core.Remainder(piece, left, payload))
            else:
                self.ledger.end_piece(self._work(piece).unit.id)
        self.report_line(f"[{name}] {endings.brief(why)}; its other tests run elsewhere")
        self._blamed.update(dropped)
        self._tell(core.WorkerLost(name, now, tuple(remaining), tuple(dropped)))
        is_vain = not node.was_killed and (culprit is None or why != endings.CRASHED)
        if is_vain and self._deaths.died_in_vain(node.pool):
            self._give_up(node.pool, f"workers end and no test is to blame: {why}")

    def _mark_culprit(self, node: SuiteNode, why: str) -> int | None:
        """Report the test or file that a worker died in; return its piece."""
        if node.current is not None:
            piece, nodeid = node.current
            work = self._work(piece)
            if piece in node.held:
                node.held[piece].done.add(nodeid)
                node.held[piece].ended += 1
            self._count_crash(work)
            self._report_crash(node, work, self._prefix(node) + nodeid, why)
            return piece
        if node.opening is not None:
            piece = node.opening
            self._count_crash(self._work(piece))
            self._report_file_crash(node, self._work(piece), why)
            return piece
        return None

    def _count_crash(self, work: Work) -> None:
        account = self.ledger.scope(work.unit.scope)
        account.crashes += 1
        if account.crashes >= CRASHES_PER_SCOPE and not account.stopped:
            account.stopped = f"{account.crashes} workers crashed in it"
            self._cancel_scope(work.unit.scope)

    def _count_restart(self, name: str) -> None:
        """Stop where ``--max-worker-restart`` says so; without it, see `endings`."""
        self._failed_nodes_count += 1
        limit = self._max_worker_restart
        if self.config.option.maxworkerrestart is None or limit is None:
            return
        if self._failed_nodes_count > limit and self._session is not None:
            text = f"maximum crashed workers reached: {limit}"
            if limit == 0:
                text = f"worker {name} crashed and worker restarting disabled"
            self._break_off(self._session.Failed(text))

    def _fail_start(self, pool: str, why: str) -> None:
        if self._deaths.died_at_start(pool):
            self._give_up(pool, f"workers do not come up: {why}")
        self._tell(core.StartFailed(pool, self._now()))  # which asks for another, if need be

    def _give_up(self, pool: str, why: str) -> None:
        for scope in sorted({w.unit.scope for w in self.plan.works if w.unit.pool == pool}):
            account = self.ledger.scope(scope)
            if account.units_left and not account.stopped:
                account.stopped = endings.brief(why)
                self._report_collection_error(scope, scope, why)
        self._tell(core.PoolCancelled(pool, self._now()))

    def _break_off(self, ending: BaseException) -> None:
        """End the run before its time: each worker finishes the test that it runs."""
        if self._ending is None:
            self._ending = ending
            if not self.shouldstop:
                self.shouldstop = str(ending)
            self._stop_all()

    def _stop_all(self) -> None:
        self._is_stopping = True
        self._tell(core.Cancelled(self._now()))
        for node in list(self._nodes.values()):
            self._send_stop(node)

    def _send_stop(self, node: SuiteNode) -> None:
        with contextlib.suppress(OSError):
            node.sendcommand("stop")
            node.shutdown()

    # -- what workers say ----------------------------------------------------------

    def worker_batch(self, node: SuiteNode, number: int, batch: bytes) -> None:
        """Handle a batch of records."""
        node.received = number
        self._replay(node, batch)

    def _replay(self, node: SuiteNode, batch: bytes) -> None:
        replayer = self._replayers[node.gateway.id]
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
            self._deaths.did_work(node.pool)
        for piece, count in done.items():
            self._tell(core.TestsFinished(node.gateway.id, piece, count, now))
        done.clear()

    def _note_report(self, node: SuiteNode, report: pytest.TestReport, now: float) -> None:
        self.config.hook.pytest_runtest_logreport(report=report)
        self._handlefailures(report)
        if node.current is None:
            return
        scope = self._work(node.current[0]).unit.scope
        if report.outcome == "passed" and report.when == "call" and not hasattr(report, "wasxfail"):
            category = "passed"
        elif report.outcome == "passed" and not hasattr(report, "wasxfail"):
            return
        else:
            category = category_of(self.config, report)
        self.ledger.count(scope, category, now)
        if report.failed:
            self._note_failure(scope)

    def _note_failure(self, scope: str) -> None:
        account = self.ledger.scope(scope)
        limit = self.plan.scope_maxfail
        if limit and account.failures >= limit and not account.stopped:
            account.stopped = f"stopped after {account.failures} failures"
            self._cancel_scope(scope)

    def _note_done(self, node: SuiteNode, piece: int, spent: float, now: float) -> None:
        work = self._work(piece)
        name = node.gateway.id
        account = self.ledger.scope(work.unit.scope)
        account.worker_s += spent
        account.ran += 1
        account.touch(now)
        worker = self.ledger.worker(name)
        worker.ran += 1
        worker.busy_s += spent
        opened = node.held.get(piece)
        if opened is not None:
            opened.ended += 1
            if node.current is not None:
                opened.done.add(node.current[1])
        key = work.keys[0]
        if len(work.keys) > 1 and node.current is not None:
            key = self._prefix(node) + node.current[1].split("::", 1)[0]
        self.ledger.file_seconds[key] = self.ledger.file_seconds.get(key, 0.0) + spent
        node.current = None

    def _handle(self, node: SuiteNode, record: Record, now: float) -> None:
        name = node.gateway.id
        tag = record[0]
        if tag == Tag.UNIT_OPENING:
            node.opening = record[1]
            node.told.clear()
            self.ledger.scope(self._work(record[1]).unit.scope).touch(now)
        elif tag == Tag.UNIT_OPENED:
            self._note_opened(node, record[1], record[2], record[3], record[4], now)
        elif tag == Tag.UNIT_CLOSED:
            node.held.pop(record[1], None)
            self.ledger.end_piece(self._work(record[1]).unit.id)
            self._tell(core.UnitClosed(name, record[1], now))
        elif tag == Tag.HUNGRY:
            self._tell(core.WorkerHungry(name, now))
        elif tag == Tag.UNIT_RETURNED:
            node.held.pop(record[1], None)
            self._tell(core.UnitReturned(name, record[1], now))
        elif tag == Tag.TESTS_RETURNED:
            self._note_returned(node, record[1], record[2], now)
        elif tag == Tag.DESELECTED:
            self._note_deselected(node, record[1])
        elif tag == Tag.NOT_FOUND:
            self._report_not_found(node, record[1], record[2])
        elif tag == Tag.UNIT_FORGOTTEN:
            self._note_forgotten(node, record[1], record[2])
        elif tag == Tag.XDIST_EVENT and record[1] == "collectreport":
            self._note_collect_report(node, record[2]["data"])
        elif tag == Tag.XDIST_EVENT:
            node.process_from_remote((record[1], record[2]))
        elif tag == Tag.FOREIGN_IMPORT:
            raise pytest.UsageError(record[1])
        elif tag == Tag.UNKNOWN_NAMES:
            self._unknown += record[1]
            self._break_off(pytest.UsageError(*record[1]))

    def _note_opened(
        self, node: SuiteNode, piece: int, tests: int, total: int, spent: float, now: float
    ) -> None:
        node.opening = None
        work = self._work(piece)
        account = self.ledger.scope(work.unit.scope)
        worker = self.ledger.worker(node.gateway.id)
        worker.collected += total
        worker.busy_s += spent
        account.worker_s += spent
        opened = node.held.get(piece)
        if opened is not None:
            opened.is_open, opened.tests = True, tests
            if opened.only is None and not opened.skip:
                account.collected += total
                account.files += len(work.files)
        assert self._session is not None
        self._session.testscollected += tests
        self._tell(core.UnitOpened(node.gateway.id, piece, tests, now))

    def _note_returned(self, node: SuiteNode, piece: int, ids: tuple[str, ...], now: float) -> None:
        opened = node.held.get(piece)
        if ids:
            unit = self._work(piece).unit
            self.ledger.add_piece(unit.id)
            scope = self.ledger.scope(unit.scope)
            scope.steals += 1
            self.ledger.steals += 1
            assert self._session is not None
            self._session.testscollected -= len(ids)
            if opened is not None:
                opened.done.update(ids)
                opened.tests -= len(ids)
        payload = (frozenset(ids), frozenset[str]())
        self._tell(core.TestsReturned(node.gateway.id, piece, len(ids), payload, now))

    def _note_forgotten(self, node: SuiteNode, piece: int, count: int) -> None:
        work = self._work(piece)
        account = self.ledger.scope(work.unit.scope)
        account.not_run[self._reason(account)] += count
        self.ledger.partial_files.update(work.keys)
        if piece in node.held:
            node.held[piece].tests -= count

    def _note_deselected(self, node: SuiteNode, ids: tuple[str, ...]) -> None:
        self.ledger.deselected += len(ids)
        prefix = self._prefix(node)
        self.ledger.partial_files.update({prefix + nodeid.split("::", 1)[0] for nodeid in ids})
        if self.terminal:
            # Plugins expect objects with attributes there, such as pytest's items.
            items = [SimpleNamespace(nodeid=prefix + nodeid) for nodeid in ids]
            self.terminal.stats.setdefault("deselected", []).extend(items)

    # -- what is to be done ----------------------------------------------------------

    def _tell(self, event: Any) -> None:
        self._perform(self.scheduler.handle(event))

    def _perform(self, instructions: Iterable[Any]) -> None:
        for instruction in instructions:
            if isinstance(instruction, core.StartWorker):
                self._start(instruction.pool)
            elif isinstance(instruction, core.Assign):
                self._assign(instruction)
            elif isinstance(instruction, core.Drop):
                self._drop(instruction)
            else:
                node = self._nodes.get(instruction.worker)
                if node is None:
                    continue
                with contextlib.suppress(OSError):  # a worker that just died: its loss is next
                    self._command(node, instruction)

    def _command(self, node: SuiteNode, instruction: Any) -> None:
        if isinstance(instruction, core.Recall):
            node.sendcommand("recall", unit=instruction.piece)
        elif isinstance(instruction, core.Divide):
            node.sendcommand("divide", unit=instruction.piece)
        elif isinstance(instruction, core.Release):
            node.is_released = True
            node.shutdown()

    def _assign(self, instruction: core.Assign) -> None:
        piece = instruction.piece
        self._pieces[piece.id] = piece
        node = self._nodes.get(instruction.worker)
        if node is None:
            return  # it died a moment ago, and its loss is on the queue
        work = self._work(piece.id)
        only, skip = _selection(piece)
        node.held[piece.id] = Opened(only, skip)
        request = {
            "target": work.target,
            "scope": work.unit.scope,
            "files": list(work.files),
            "only": None if only is None else sorted(only),
            "skip": sorted(skip),
        }
        with contextlib.suppress(OSError):
            node.sendcommand("run", unit=piece.id, request=request)

    def _drop(self, instruction: core.Drop) -> None:
        for piece in instruction.pieces:
            if piece.id in self._blamed:
                continue  # reported as an error already
            self._write_off(piece)

    def _write_off(self, piece: core.Piece, opened: Opened | None = None) -> None:
        """Account for what will not run of a piece; ``opened`` says what did."""
        account = self.ledger.scope(piece.unit.scope)
        reason = self._reason(account)
        work = self.plan.works[piece.unit.id]
        only, _ = _selection(piece)
        if opened is not None and opened.is_open:
            left = max(opened.tests - opened.ended, 0)
            account.not_run.update({reason: left} if left else {})
        elif only is not None:
            account.not_run[reason] += len(only)
        else:
            account.not_run_files[reason] += len(work.files)
        self.ledger.partial_files.update(work.keys)
        self.ledger.end_piece(piece.unit.id)

    def _write_off_held(self, node: SuiteNode) -> None:
        """Account for what a worker still had when everything was stopped."""
        for piece, opened in node.held.items():
            self._write_off(self._pieces[piece], opened)
        node.held.clear()

    def _reason(self, account: Account) -> str:
        return account.stopped or str(self.shouldstop or "interrupted")

    def _work(self, piece: int) -> Work:
        return self.plan.works[self._pieces[piece].unit.id]

    def _start(self, pool_name: str) -> None:
        pool = self.plan.pools[pool_name]
        self._booting += 1
        # An interpreter takes a tenth of a second until it answers: they come up side by side.
        threading.Thread(
            target=self._boot, args=(self._next_spec(pool), pool_name), daemon=True
        ).start()

    def _boot(self, spec: execnet.XSpec, pool: str) -> None:
        """Bring a process up, in a thread of its own."""
        assert self.nodemanager is not None
        try:
            gateway = self.nodemanager.group.makegateway(spec)
        except Exception as error:  # noqa: BLE001 (execnet raises what the other side does)
            self.queue.put(("booted", {"pool_name": pool, "spec": spec, "error": error}))
        else:
            self.queue.put(("booted", {"pool_name": pool, "spec": spec, "gateway": gateway}))

    def worker_booted(
        self,
        pool_name: str,
        spec: execnet.XSpec,
        gateway: Any = None,
        error: Exception | None = None,
    ) -> None:
        """Make a worker of a process that came up."""
        self._booting -= 1
        if error is not None:  # there is no such interpreter, or no process left
            self._fail_start(pool_name, f"{spec}: {error}")
            return
        if self._is_stopping:
            gateway.exit()
            self._tell(core.StartFailed(pool_name, self._now()))
            return
        assert self.nodemanager is not None
        assert self._shared is not None
        pool = self.plan.pools[pool_name]
        self.config.hook.pytest_xdist_newgateway(gateway=gateway)
        self.nodemanager.rsync_roots(gateway)
        node = SuiteNode(self.nodemanager, gateway, self.config, self.queue.put)
        gateway.node = node
        node.pool = pool_name
        node.held = {}
        node.told = Counter()
        is_local = bool(spec.popen)
        if is_local:
            node.store = self._shared / f"{gateway.id}.records"
        node.workerinput["guild"] = {
            "targets": [
                (str(target.path), target.levels, list(target.names)) for target in pool.targets
            ],
            "store": str(node.store) if node.store else None,
            "args": list(pool.args) if pool.args is not None else None,
            "chdir": pool.chdir,
            "env": dict(pool.env),
            "own_path": pool.python is not None,
            "guard": self.plan.guard,
            "freezes": self.plan.freezes,
        }
        self._nodes[gateway.id] = node
        self._active_nodes.add(node)
        self._replayers[gateway.id] = Replayer(node, pool.prefix)
        self.ledger.worker(gateway.id).started_at = self._now()
        node.setup()

    def _next_spec(self, pool: Pool) -> execnet.XSpec:
        """Return the spec for one more worker, like those that the user asked for."""
        assert self.nodemanager is not None
        number, self._started = self._started, self._started + 1
        if number < len(self._specs) and pool.python is None:
            return self._specs[number]
        text = str(self._specs[number % len(self._specs)])
        kept = [part for part in text.split("//") if not part.startswith("id=")]
        if pool.python is not None:
            kept = [part for part in kept if not part.startswith("python=")]
            kept.append(f"python={pool.python}")
        spec = execnet.XSpec("//".join(kept))
        self.nodemanager.group.allocate_id(spec)
        return spec

    # -- deadlines ------------------------------------------------------------------------

    def _check_deadlines(self) -> None:
        """End what runs in a scope whose time is over.

        Only the time counts in which some worker is in the scope: it must not pay
        for others that keep the workers busy.
        """
        if not self.plan.timeouts:
            return
        now = self._now()
        since, self._checked_at = now - self._checked_at, now
        inside: dict[str, list[SuiteNode]] = {}
        for node in self._nodes.values():
            piece = node.current[0] if node.current else node.opening
            if piece is not None and not node.trouble:
                inside.setdefault(self._work(piece).unit.scope, []).append(node)
        for scope, nodes in inside.items():
            self._time_in[scope] += since
            limit = self.plan.timeouts.get(scope)
            if limit and self._time_in[scope] > limit:
                self._end_late(scope, f"scope {scope} ran longer than {limit:g} s", nodes)

    def _end_late(self, scope: str, reason: str, nodes: Iterable[SuiteNode]) -> None:
        account = self.ledger.scope(scope)
        if not account.stopped:
            account.stopped = reason
            self._cancel_scope(scope)
        for node in nodes:
            node.kill(reason)

    def _cancel_scope(self, scope: str) -> None:
        self._tell(core.ScopeCancelled(scope, self._now()))
        for node in self._nodes.values():
            pieces = [p for p, held in node.held.items() if held.is_open and self._is_in(p, scope)]
            if pieces:
                with contextlib.suppress(OSError):
                    node.sendcommand("forget", units=pieces)

    def _is_in(self, piece: int, scope: str) -> bool:
        return self._work(piece).unit.scope == scope

    # -- reports of our own -----------------------------------------------------------------

    def _prefix(self, node: SuiteNode) -> str:
        return self.plan.pools[node.pool].prefix

    def _report_crash(self, node: SuiteNode, work: Work, nodeid: str, why: str) -> None:
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
        self.config.hook.pytest_handlecrashitem(crashitem=nodeid, report=report, sched=self)
        self.config.hook.pytest_runtest_logreport(report=report)
        self._handlefailures(report)
        self.ledger.count(work.unit.scope, "crashed", self._now())
        self.ledger.partial_files.update(work.keys)

    def _report_file_crash(self, node: SuiteNode, work: Work, why: str) -> None:
        nodeid = work.keys[0]
        self._report_collection_error(
            work.unit.scope,
            nodeid,
            endings.sentence(node.gateway.id, why, f"collecting {nodeid}"),
        )

    def _report_not_found(self, node: SuiteNode, piece: int, ids: tuple[str, ...]) -> None:
        work = self._work(piece)
        for nodeid in ids:
            self._report_collection_error(
                work.unit.scope,
                self._prefix(node) + nodeid,
                f"{nodeid} was collected once and not found again: its id is not stable. "
                "Give its parameters ids.",
            )

    def _report_collection_error(self, scope: str, nodeid: str, text: str) -> None:
        report = pytest.CollectReport(nodeid, "failed", text, [])
        self.config.hook.pytest_collectreport(report=report)
        self._handlefailures(report)
        self.ledger.count(scope, "error", self._now())

    def _note_collect_report(self, node: SuiteNode, data: dict[str, Any]) -> None:
        """Report a file or directory that could not be collected, once."""
        data["nodeid"] = self._prefix(node) + data["nodeid"]
        report = self.config.hook.pytest_report_from_serializable(config=self.config, data=data)
        key = (report.nodeid, report.outcome)
        node.told[key] += 1  # a file may have several collectors, each with its report
        if node.told[key] <= self._told[key]:
            return
        self._told[key] += 1
        if node.opening is not None:
            work = self._work(node.opening)
            category = "error" if report.failed else "skipped"
            self.ledger.count(work.unit.scope, category, self._now())
        self.config.hook.pytest_collectreport(report=report)
        self._handlefailures(report)

    # -- small -----------------------------------------------------------------------------

    def _drop_xdist_terminal(self) -> None:
        """Leave the terminal to our own progress."""
        if self.config.pluginmanager.has_plugin("terminaldistreporter"):
            self.config.pluginmanager.unregister(name="terminaldistreporter")

    @staticmethod
    def _now() -> float:
        return time.perf_counter()


def _selection(piece: core.Piece) -> tuple[frozenset[str] | None, frozenset[str]]:
    """Return the node ids that make up a piece (None for all), and those to leave out."""
    payload: Any = piece.payload
    return payload if payload is not None else (None, frozenset())
