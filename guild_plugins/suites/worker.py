"""The worker's side: a pytest session that collects and runs what it is told.

xdist's worker collects the whole suite and is then sent indices. This one is
sent files. It keeps one file ahead of the one that runs (pytest must know the
next test to tear fixtures down where it would), and answers at once when a
part of its queue is wanted back. Of a long file it makes a few tests at a time, so
that most of what is wanted back was never made.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import xdist.remote
from _pytest import subtests
from xdist.remote import WorkerInteractor, setup_config

from guild_plugins.suites.collection import (
    COLLECTOR,
    Collected,
    DirectoryFailed,
    OnDemandCollector,
    Request,
    Target,
)
from guild_plugins.suites.guard import Guard
from guild_plugins.suites.heap import Heap
from guild_plugins.suites.naming import Candidates
from guild_plugins.suites.queue import FIRST_TESTS, Queue, Reading
from guild_plugins.suites.quiet import silence_terminal
from guild_plugins.suites.recorder import Recorder
from guild_plugins.suites.wire import Outbox, Tag


class SuiteInteractor(WorkerInteractor):
    """xdist's worker plugin, with collection on demand and batched messages."""

    recorder: Recorder | None = None
    """Measures coverage, where it is asked for."""

    def __init__(self, config: pytest.Config, channel: Any) -> None:
        settings: dict[str, Any] = config.workerinput["guild"]  # type: ignore[attr-defined]
        self.settings = settings
        store = settings["store"]
        self.outbox = Outbox(self._send_batch, Path(store) if store else None)
        self.queue = Queue()
        self.heap = Heap() if settings["freezes"] else None
        guard = settings["guard"]
        self.guard = Guard(guard["root"], guard["owned"]) if guard else None
        self._unit = -1
        self._announced: str | None = None
        self._failed_subtests: Any = None
        self._scopes: dict[int, str] = {}
        self._keywords: object = None
        self._is_plain = _has_only_core_serializers(config)
        super().__init__(config, channel)

    def _send_batch(self, number: int, batch: bytes) -> None:
        self.channel.send(("guild", {"number": number, "batch": batch}))

    def sendevent(self, name: str, **kwargs: object) -> None:
        """Send one of xdist's own events, in order with ours."""
        if name in ("workerready", "workerfinished", "internal_error"):
            # xdist must see these as they come: they decide what the channel's end means.
            self.outbox.flush()
            super().sendevent(name, **kwargs)
        else:
            self.outbox.put((Tag.XDIST_EVENT.value, name, kwargs))

    # -- session ---------------------------------------------------------

    @pytest.hookimpl
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Tell the controller that this worker is up."""
        targets = [Target(Path(p), levels, tuple(n)) for p, levels, n in self.settings["targets"]]
        candidates = Candidates.of(session.config, frozenset(t.path for t in targets))
        self.collector = OnDemandCollector(session, targets, candidates.matches_path)
        self.config.pluginmanager.register(self.collector, COLLECTOR)
        silence_terminal(self.config)
        self._failed_subtests = session.config.stash.get(subtests.failed_subtests_key, None)
        if self.heap:
            self.heap.install()
        super().pytest_sessionstart(session)

    @pytest.hookimpl
    def pytest_collection(self) -> None:
        """Do nothing: files are collected when they are asked for."""

    @pytest.hookimpl
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Do nothing: the controller learns of each file on its own."""

    @pytest.hookimpl
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Keep what broke this session off, for the controller to end with the same."""
        value = excinfo.value
        is_exit = isinstance(value, pytest.exit.Exception)
        self.config.workeroutput["guild_interrupt"] = {
            "is_exit": is_exit,
            "text": str(value),
            "returncode": value.returncode if isinstance(value, pytest.exit.Exception) else None,
        }

    @pytest.hookimpl
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run tests until the controller says that there are no more."""
        self.channel.setcallback(self.handle_command, endmarker=xdist.remote.Marker.SHUTDOWN)
        current = self._next()
        while current is not None:
            following = self._next()
            self._run(session, current, following)
            if session.shouldfail or session.shouldstop or self.queue.is_abandoned:
                break
            current = following
        self._look_for_foreign_imports()
        session.config.hook.pytest_collection_finish(session=session)
        return True

    def _next(self) -> tuple[int, int] | None:
        """Return the next test, collecting the next unit when none is left."""
        while (entry := self.queue.next_test()) is None:
            if self.queue.reading is not None:
                self._read_on(self.queue.reading)
                continue
            unit = self.queue.next_unit(self._tell_hungry)
            if unit is None:
                return None
            self._open(*unit)
        return entry

    def _tell_hungry(self) -> None:
        self.outbox.put((Tag.HUNGRY.value,))
        self.outbox.flush()

    def _open(self, unit: int, request: dict[str, Any]) -> None:
        started = time.perf_counter()
        self.outbox.put((Tag.UNIT_OPENING.value, unit))
        self._switch(unit, request["scope"])
        asked = Request(
            request["target"],
            tuple(request["files"]),
            _maybe(request["only"]),
            _maybe(request["parts"]),
            frozenset(request["skip"]),
            FIRST_TESTS,
        )
        try:
            collected = self.collector.collect(asked)
        except DirectoryFailed:
            collected = Collected()
        if collected.unknown:
            self.outbox.put((Tag.UNKNOWN_NAMES.value, collected.unknown))
        self._look_for_foreign_imports()
        if self.heap:
            self.heap.settle()
        reading = Reading(unit, asked, collected.rest) if collected.rest else None
        self._add(Tag.UNIT_OPENED, unit, collected, reading, started)

    def _read_on(self, reading: Reading) -> None:
        """Make the next tests of the file that is open."""
        started = time.perf_counter()
        self._switch(reading.unit)
        batch = reading.next_batch()
        collected = self.collector.collect_more(reading.request, reading.rest, batch)
        self._add(Tag.UNIT_GREW, reading.unit, collected, reading, started)

    def _add(
        self, tag: Tag, unit: int, collected: Collected, reading: Reading | None, started: float
    ) -> None:
        """Queue the tests that were made, and say so."""
        if collected.missing:
            self.outbox.put((Tag.NOT_FOUND.value, unit, collected.missing))
        items = self.session.items
        first, count = len(items), len(collected.items)
        items.extend(collected.items)
        unread = reading.rest.weight if reading else 0
        spent = time.perf_counter() - started
        self.outbox.put((tag.value, unit, count, collected.total, spent, unread))
        if not self.queue.add_tests(unit, range(first, first + count), reading if unread else None):
            self.outbox.put((Tag.UNIT_CLOSED.value, unit))

    def _look_for_foreign_imports(self) -> None:
        foreign = self.guard.look() if self.guard else None
        if foreign is not None:
            self.outbox.put((Tag.FOREIGN_IMPORT.value, str(foreign)))
            self.outbox.flush()
            self.queue.abandon()

    def _run(
        self,
        session: pytest.Session,
        current: tuple[int, int],
        following: tuple[int, int] | None,
    ) -> None:
        self._unit, self.item_index = unit, _ = current
        item = session.items[self.item_index]
        nextitem = None if following is None else session.items[following[1]]
        self._keywords = None
        self._switch(unit)
        self._announce(item.nodeid, item.location)
        started = time.perf_counter()
        self.config.hook.pytest_runtest_protocol(item=item, nextitem=nextitem)
        spent = time.perf_counter() - started
        self.queue.note_time(unit, spent)
        self.outbox.put((Tag.TEST_DONE.value, unit, spent))
        if self.queue.test_ended(unit):
            if self.recorder is not None:
                self.recorder.save_if_due()
            if self.heap:
                self.heap.trim()
            self.outbox.put((Tag.UNIT_CLOSED.value, unit))

    def _switch(self, unit: int, scope: str | None = None) -> None:
        """Have coverage put down what follows to the unit's scope."""
        if self.recorder is None:
            return
        if scope is not None:
            self._scopes[unit] = scope
        self.recorder.switch(self._scopes[unit])

    # -- commands, in the receiver's thread --------------------------------

    def handle_command(self, command: Any) -> None:
        """Carry out one command of the controller."""
        if command is xdist.remote.Marker.SHUTDOWN:
            self.queue.finish()
            return
        name, kwargs = command
        if name == "run":
            self.queue.add_unit(kwargs["unit"], kwargs["request"])
        elif name == "recall":
            unit = kwargs["unit"]
            if self.queue.take_back_unit(unit):
                self.outbox.put((Tag.UNIT_RETURNED.value, unit))
            else:
                self.outbox.put((Tag.TESTS_RETURNED.value, unit, ()))
            self.outbox.flush()
        elif name == "divide" and kwargs["unread"]:
            self._give_unread(kwargs["unit"])
        elif name == "divide":
            self._give_half(kwargs["unit"])
        elif name == "forget":
            self._forget(kwargs["units"])
        elif name == "stop":
            self.queue.abandon()
        elif name == "shutdown":
            self.queue.finish()

    def _give_half(self, unit: int) -> None:
        indices = self.queue.take_back_half(unit) if unit in self.queue.open else []
        ids = tuple(self.session.items[index].nodeid for index in indices)
        self.outbox.put((Tag.TESTS_RETURNED.value, unit, ids))
        self.outbox.flush()

    def _give_unread(self, unit: int) -> None:
        parts, count = self.queue.take_back_unread(unit)
        self.outbox.put((Tag.UNREAD_RETURNED.value, unit, tuple(parts), count))
        self.outbox.flush()

    def _forget(self, units: list[int]) -> None:
        for unit in units:
            count, is_closed = self.queue.drop_tests(unit)
            if count:
                self.outbox.put((Tag.UNIT_FORGOTTEN.value, unit, count))
            if is_closed:
                self.outbox.put((Tag.UNIT_CLOSED.value, unit))
        self.outbox.flush()

    # -- reports -----------------------------------------------------------

    @pytest.hookimpl
    def pytest_runtest_logstart(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        """Note which test runs, where a crash cannot erase it."""
        if self._announced == nodeid:
            self._announced = None  # once for each call, should a plugin run the test again
        else:
            self._announce(nodeid, location)
            self._announced = None

    def _announce(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        """Say which test runs, before any plugin's hook can break this session."""
        self._announced = nodeid
        self.outbox.put((Tag.TEST_STARTED.value, self._unit, nodeid, location))

    @pytest.hookimpl
    def pytest_runtest_logfinish(self) -> None:
        """Note that the test is over."""
        self.outbox.put((Tag.TEST_FINISHED.value,))

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Send a report: a short record where all is well, the whole of it otherwise."""
        if self._failed_subtests and report.when == "call":
            # As the terminal does, which is still here: it fails a test with failed subtests.
            self.config.hook.pytest_report_teststatus(report=report, config=self.config)
        if self._is_plain and _is_uneventful(report):
            keywords = None if report.keywords == self._keywords else report.keywords
            self._keywords = report.keywords
            self.outbox.put(
                (
                    Tag.PHASE_PASSED.value,
                    report.when,
                    report.duration,
                    report.start,
                    report.stop,
                    keywords,
                    self.item_index,
                )
            )
            return
        data = self.config.hook.pytest_report_to_serializable(config=self.config, report=report)
        data["item_index"] = self.item_index
        data["worker_id"] = self.workerid
        data["testrun_uid"] = self.testrunuid
        self.outbox.put((Tag.REPORT.value, data))
        if report.failed:
            self.outbox.flush()

    @pytest.hookimpl
    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Let the controller count what ``-k``, ``-m`` and others left out."""
        self.outbox.put((Tag.DESELECTED.value, tuple(item.nodeid for item in items)))


def _maybe(ids: Iterable[str] | None) -> frozenset[str] | None:
    return None if ids is None else frozenset(ids)


def _is_uneventful(report: pytest.TestReport) -> bool:
    return (
        report.outcome == "passed"
        and type(report) is pytest.TestReport
        and not report.sections
        and not report.user_properties
        and len(report.__dict__) == _PLAIN_FIELDS
    )


_PLAIN_FIELDS = len(pytest.TestReport("", ("", None, ""), {}, "passed", None, "call").__dict__)


def _has_only_core_serializers(config: pytest.Config) -> bool:
    """Tell whether no plugin but pytest's own changes how reports travel."""
    implementations = config.pluginmanager.hook.pytest_report_to_serializable.get_hookimpls()
    return all(impl.plugin_name in ("reports", "subtests") for impl in implementations)


def interact(
    config: pytest.Config, channel: Any, option_dict: dict[str, Any], recorder: Recorder | None
) -> None:
    """Run the session of a worker that is configured."""
    setup_config(config, option_dict.get("basetemp"))
    interactor = SuiteInteractor(config, channel)
    if recorder is not None:
        interactor.recorder = recorder
        config.pluginmanager.register(recorder, "guild-recorder")
    xdist.remote.interactor = interactor  # its hooks expect a global
    config.hook.pytest_cmdline_main(config=config)
