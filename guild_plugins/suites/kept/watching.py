"""The plugin of the process that tests run in: tells the tracker which file is at work."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from guild_plugins.suites.kept.tracking import Tracker

OUTPUT = "guild_kept"
"""Under which key a worker sends what it saw."""


class Watching:
    """Puts down what happens while a file is collected or tested to that file."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self.observed = ""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, object, object]:
        """Watch a file being collected."""
        if isinstance(collector, pytest.Directory | pytest.Session):
            return (yield)
        before = self._tracker.begin(str(collector.path))
        try:
            return (yield)
        finally:
            self._tracker.end(before)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Watch a test being run."""
        before = self._tracker.begin(str(item.path))
        try:
            return (yield)
        finally:
            self._tracker.end(before)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Hand over what was seen when the last test has been torn down."""
        try:
            return (yield)
        finally:
            self.observed = self._tracker.observed()
            self._tracker.stop()
            output = getattr(session.config, "workeroutput", None)
            if output is not None:
                output[OUTPUT] = self.observed


def track(top: str) -> Tracker:
    """Begin to take notes in this process."""
    tracker = Tracker(top)
    tracker.install()
    return tracker
