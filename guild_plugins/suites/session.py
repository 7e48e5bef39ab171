"""The controller's side: xdist's session, with our scheduling in place of its own.

Everything that decides is in ``engine.scheduling``; this class turns what
happens to workers into its events, and its instructions into commands. xdist
brings up the processes, and its hooks (``pytest_configure_node``,
``pytest_testnodedown`` and the rest) are called where plugins expect them.

What workers say while they test is `listening`'s; what they leave undone, `pieces`';
their start, `booting`'s.
"""

from __future__ import annotations

import contextlib
import gc
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from xdist.dsession import DSession

from guild_plugins.engine import messages as core
from guild_plugins.engine.scheduling import Scheduler
from guild_plugins.suites import endings, remote
from guild_plugins.suites.booting import Boots
from guild_plugins.suites.cores import Watch, wants_core
from guild_plugins.suites.deadlines import Deadlines
from guild_plugins.suites.interrupts import Interrupts
from guild_plugins.suites.ledger import Ledger
from guild_plugins.suites.listening import Listener
from guild_plugins.suites.nodes import Opened, SuiteNode
from guild_plugins.suites.pieces import Pieces, selection
from guild_plugins.suites.plan import Plan
from guild_plugins.suites.reporting import Reporter

CRASHES_PER_SCOPE = 32
"""Workers that one scope may bring down before the rest of it is given up."""


class ScopeSession(DSession):
    """A distributed session whose workers collect on demand."""

    shouldstop: bool | str
    _listener: Listener
    _boots: Boots

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
        self._pieces = Pieces(plan, ledger)
        self._reporter = Reporter(config, self._pieces, ledger, self._handlefailures, self._now)
        self._deadlines = Deadlines(plan.timeouts, self._now())
        self._nodes: dict[str, SuiteNode] = {}
        self._deaths = endings.Deaths()
        self._unknown: list[str] = []
        """What the command line names and does not exist."""
        self._ending: BaseException | None = None
        """What ends the run before its time, as pytest would raise it."""
        self._interrupts = Interrupts(self._end_at_once)
        self._shared: Path | None = None
        self._is_stopping = False
        ledger.expect((work.unit.id, work.unit.scope) for work in plan.works)
        self.on_tick: Callable[[], None] | None = None
        """Called several times a second: nothing may have happened."""
        self._interrupts.install()

    # -- session -------------------------------------------------------------

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Start the workers that the plan is worth."""
        self._drop_xdist_terminal()
        self._session = session
        self.shouldstop = False
        self.ledger.started_at = self._now()
        self._listener = Listener(
            session,
            self._pieces,
            self.ledger,
            self._reporter,
            scope_maxfail=self.plan.scope_maxfail,
            tell=self._tell,
            did_work=self._deaths.did_work,
            give_up=self._give_up_scope,
            refuse=self._refuse,
            now=self._now,
        )
        self._shared = Path(tempfile.mkdtemp(prefix="guild-run-"))
        self._boots = Boots(self.config, self.plan, self._shared, self.queue.put)
        self.nodemanager = self._boots.manager
        self._perform(self.scheduler.begin(self._now()))

    @pytest.hookimpl
    def pytest_xdist_getremotemodule(self) -> object:
        """Ship our worker in place of xdist's."""
        return remote

    @pytest.hookimpl
    def pytest_runtestloop(self) -> bool:
        """Handle what workers say until none is left."""
        while self._active_nodes or self._boots.pending:
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
        self._interrupts.note_ending()
        self._pieces.why_stopped = str(self.shouldstop or "")
        for node in self._nodes.values():  # there are none, unless the loop was broken off
            self._send_stop(node)
            self._pieces.write_off_held(node)
        super().pytest_sessionfinish()
        self._remove_shared()

    @pytest.hookimpl
    def pytest_unconfigure(self) -> None:
        """End all workers of a session that was not even begun."""
        if self._shared is not None and self.nodemanager is not None:
            self.nodemanager.teardown_nodes()
        self._remove_shared()
        self._interrupts.uninstall()
        # pytest goes through the whole heap five times now, for what tests left behind. None
        # ran here. Not sooner: what is frozen is hidden from `gc.get_referrers`.
        gc.freeze()

    def _end_at_once(self) -> None:
        """Wait for no worker any longer: somebody asked for the end a second time."""
        if self._session is not None:
            self._session.exitstatus = pytest.ExitCode.INTERRUPTED
        if self.nodemanager is not None:
            self._boots.kill_all()

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

    def _check_deadlines(self) -> None:
        """End what runs in a scope whose time is over."""
        late = self._deadlines.late(self._nodes.values(), self._scope_of, self._now())
        for scope, reason, nodes in list(late):
            self._give_up_scope(scope, reason)
            for node in nodes:
                node.kill(reason)

    def _scope_of(self, piece: int) -> str:
        return self._pieces.work(piece).unit.scope

    def _watch_workers(self) -> None:
        """Look now and then whether those that are at work want a core."""
        now = self._now()
        if not self._watch.is_due(now):
            return
        at_work = [node for node in self._nodes.values() if node.at_work is not None]
        pids = [pid for node in at_work if (pid := node.pid) is not None]
        if pids:
            self._tell(core.WorkersSampled(len(pids), sum(map(wants_core, pids)), now))

    def _note_width(self) -> None:
        if not self._watch.is_on:
            return
        width = self.scheduler.width
        self.ledger.share = width.share
        if width.workers < self.plan.limit and self._boots.started == width.workers:
            self.plan.notes.append(
                f"{width.workers} of {self.plan.limit} workers: the tests keep {self.plan.cores} "
                "cores busy (--guild-all-workers starts all)"
            )

    # -- workers' lives ----------------------------------------------------------

    def worker_booted(
        self, pool_name: str, spec: Any, gateway: Any = None, error: Exception | None = None
    ) -> None:
        """Make a worker of a process that came up."""
        self._boots.pending -= 1
        if error is not None:  # there is no such interpreter, or no process left
            self._fail_start(pool_name, f"{spec}: {error}")
        elif self._is_stopping:
            gateway.exit()
            self._tell(core.StartFailed(pool_name, self._now()))
        else:
            node = self._boots.make(pool_name, gateway)
            self._nodes[gateway.id] = node
            self._active_nodes.add(node)
            self.ledger.worker(gateway.id).started_at = self._now()
            node.setup()

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

    def worker_batch(self, node: SuiteNode, number: int, batch: bytes) -> None:
        """Handle a batch of records."""
        node.received = number
        self._listener.hear(node, batch)

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
            doing = f" in {self._pieces.prefix(node)}{node.current[1]}" if node.current else ""
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
            self._listener.hear(node, leftover)
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
            self._pieces.write_off_held(node)
            return
        self._lose(node, why)
        self._count_restart(name)

    # -- losses --------------------------------------------------------------------

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
                    self._pieces.end(piece)
                continue
            if opened.left > 0:
                remaining.append(core.Remainder(piece, opened.left, opened.remainder()))
            else:
                self._pieces.end(piece)
        self.report_line(f"[{name}] {endings.brief(why)}; its other tests run elsewhere")
        self._pieces.blamed.update(dropped)
        self._tell(core.WorkerLost(name, now, tuple(remaining), tuple(dropped)))
        is_vain = not node.was_killed and (culprit is None or why != endings.CRASHED)
        if is_vain and self._deaths.died_in_vain(node.pool):
            self._give_up_pool(node.pool, f"workers end and no test is to blame: {why}")

    def _mark_culprit(self, node: SuiteNode, why: str) -> int | None:
        """Report the test or file that a worker died in; return its piece."""
        piece = node.at_work
        if piece is None:
            return None
        self._count_crash(piece)
        if node.current is None:
            self._reporter.file_crash(node, piece, why)
            return piece
        nodeid = node.current[1]
        if piece in node.held:
            node.held[piece].done.add(nodeid)
            node.held[piece].ended += 1
        self._reporter.crash(node, piece, self._pieces.prefix(node) + nodeid, why, self)
        return piece

    def _count_crash(self, piece: int) -> None:
        account = self._pieces.account(piece)
        account.crashes += 1
        if account.crashes >= CRASHES_PER_SCOPE:
            self._give_up_scope(account.scope, f"{account.crashes} workers crashed in it")

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
            self._give_up_pool(pool, f"workers do not come up: {why}")
        self._tell(core.StartFailed(pool, self._now()))  # which asks for another, if need be

    # -- giving up -------------------------------------------------------------------

    def _give_up_pool(self, pool: str, why: str) -> None:
        for scope in sorted({w.unit.scope for w in self.plan.works if w.unit.pool == pool}):
            account = self.ledger.scope(scope)
            if account.units_left and not account.stopped:
                account.stopped = endings.brief(why)
                self._reporter.error(scope, scope, why)
        self._tell(core.PoolCancelled(pool, self._now()))

    def _give_up_scope(self, scope: str, why: str) -> None:
        """Run nothing more of a scope; the first reason is the one that counts."""
        account = self.ledger.scope(scope)
        if account.stopped:
            return
        account.stopped = why
        self._tell(core.ScopeCancelled(scope, self._now()))
        for node in self._nodes.values():
            pieces = [p for p, o in node.held.items() if o.is_open and self._scope_of(p) == scope]
            if pieces:
                with contextlib.suppress(OSError):
                    node.sendcommand("forget", units=pieces)

    def _refuse(self, unknown: tuple[str, ...]) -> None:
        """End the run since the command line names what does not exist."""
        self._unknown += unknown
        self._break_off(pytest.UsageError(*unknown))

    def _break_off(self, ending: BaseException) -> None:
        """End the run before its time: each worker finishes the test that it runs."""
        if self._ending is not None:
            return
        self._ending = ending
        if not self.shouldstop:
            self.shouldstop = str(ending)
        self._pieces.why_stopped = str(self.shouldstop)
        self._is_stopping = True
        self._tell(core.Cancelled(self._now()))
        for node in list(self._nodes.values()):
            self._send_stop(node)

    def _send_stop(self, node: SuiteNode) -> None:
        with contextlib.suppress(OSError):
            node.sendcommand("stop")
            node.shutdown()

    # -- what is to be done ----------------------------------------------------------

    def _tell(self, event: Any) -> None:
        self._perform(self.scheduler.handle(event))

    def _perform(self, instructions: Iterable[Any]) -> None:
        for instruction in instructions:
            if isinstance(instruction, core.StartWorker):
                self._boots.begin(instruction.pool)
            elif isinstance(instruction, core.Assign):
                self._assign(instruction)
            elif isinstance(instruction, core.Drop):
                for piece in instruction.pieces:
                    self._pieces.drop(piece)
            else:
                node = self._nodes.get(instruction.worker)
                if node is not None:
                    self._command(node, instruction)

    def _command(self, node: SuiteNode, instruction: Any) -> None:
        with contextlib.suppress(OSError):  # a worker that just died: its loss is next
            if isinstance(instruction, core.Recall):
                node.sendcommand("recall", unit=instruction.piece)
            elif isinstance(instruction, core.Divide):
                node.sendcommand("divide", unit=instruction.piece, unread=instruction.unread)
            elif isinstance(instruction, core.Release):
                node.is_released = True
                node.shutdown()

    def _assign(self, instruction: core.Assign) -> None:
        piece = instruction.piece
        self._pieces.add(piece)
        node = self._nodes.get(instruction.worker)
        if node is None:
            return  # it died a moment ago, and its loss is on the queue
        work = self._pieces.work(piece.id)
        chosen = selection(piece)
        node.held[piece.id] = Opened(chosen)
        request = {
            "target": work.target,
            "scope": work.unit.scope,
            "files": list(work.files),
            "only": None if chosen.only is None else sorted(chosen.only),
            "parts": None if chosen.parts is None else sorted(chosen.parts),
            "skip": sorted(chosen.skip),
        }
        with contextlib.suppress(OSError):
            node.sendcommand("run", unit=piece.id, request=request)

    # -- small -----------------------------------------------------------------------------

    def _drop_xdist_terminal(self) -> None:
        """Leave the terminal to our own progress."""
        if self.config.pluginmanager.has_plugin("terminaldistreporter"):
            self.config.pluginmanager.unregister(name="terminaldistreporter")

    @staticmethod
    def _now() -> float:
        return time.perf_counter()
