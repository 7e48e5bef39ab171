"""The plugin of the process that tests run in: tells the tracker which file is at work."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from guild_plugins.suites.kept.labels import Labels
from guild_plugins.suites.kept.tracking import Tracker
from guild_plugins.suites.recorder import Recorder

OUTPUT, LABELS = "guild_kept", "guild_labels"
"""Under which keys a worker sends what it saw, and what its labels needed."""


class Watching:
    """Puts down what happens while a file is collected or tested to that file."""

    def __init__(self, tracker: Tracker, labels: Labels | None) -> None:
        self._tracker, self._labels = tracker, labels
        self.observed = self.labelled = ""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, object, object]:
        """Watch a file being collected."""
        labels = self._labels
        if labels is not None:
            labels.settle()
        if isinstance(collector, pytest.Directory | pytest.Session):
            return (yield)
        before = self._tracker.begin(str(collector.path))
        depth = labels.begin_test(str(collector.path)) if labels is not None else 0
        try:
            return (yield)
        finally:
            if labels is not None:
                labels.end(depth)
            self._tracker.end(before)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        """Watch a test being run."""
        labels = self._labels
        before = self._tracker.begin(str(item.path))
        depth = labels.begin_test(str(item.path)) if labels is not None else 0
        try:
            return (yield)
        finally:
            if labels is not None:
                goes_on = nextitem is not None and nextitem.path == item.path
                labels.end(depth, lingers=goes_on)
            self._tracker.end(before)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Hand over what was seen when the last test has been torn down."""
        try:
            return (yield)
        finally:
            self.observed = self._tracker.observed()
            self._tracker.stop()
            if self._labels is not None:
                self.labelled = self._labels.observed()
                self._labels.stop()
            output = getattr(session.config, "workeroutput", None)
            if output is not None:
                output[OUTPUT], output[LABELS] = self.observed, self.labelled


def track(top: str) -> Tracker:
    """Begin to take notes in this process, and to label what is measured in it."""
    tracker = Tracker(top)
    tracker.install()
    if Recorder.running is not None:
        Labels(top, Recorder.running).install()
    return tracker


def watch(config: pytest.Config, tracker: Tracker) -> Watching:
    """Tell the tracker and the labels of this process what is at work."""
    watching = Watching(tracker, Labels.running)
    config.pluginmanager.register(watching, "guild-watching")
    if Labels.running is not None:
        config.pluginmanager.register(Labels.running, "guild-labels")
    return watching
