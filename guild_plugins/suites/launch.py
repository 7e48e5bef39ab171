"""A worker's start: everything that must be done before pytest reads its configuration."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from _pytest.config import _prepareconfig

from guild_plugins.suites.guard import put_first
from guild_plugins.suites.modules import load_as_installed
from guild_plugins.suites.recorder import Measuring, Recorder


def serve(
    channel: Any, workerinput: dict[str, Any], args: list[str], option_dict: dict[str, Any]
) -> None:
    """Run one worker until the controller has no more work for it."""
    sys.argv[:] = workerinput["mainargv"]  # tests of command lines see what they see without us
    os.environ["PYTEST_XDIST_TESTRUNUID"] = workerinput["testrunuid"]
    os.environ["PYTEST_XDIST_WORKER"] = workerinput["workerid"]
    os.environ["PYTEST_XDIST_WORKER_COUNT"] = str(workerinput["workercount"])
    load_as_installed()
    guard = workerinput["guild"]["guard"]
    if guard and guard["repair"]:
        put_first(guard["owned"])
    recorder = _start_recorder(workerinput)
    watch = _start_watching(workerinput)
    config = _prepareconfig(args, None)
    watch(config)
    config._parser.prog = Path(workerinput["mainargv"][0]).name
    config.workerinput = workerinput  # type: ignore[attr-defined]
    config.workeroutput = {}  # type: ignore[attr-defined]
    # Not sooner: pytest warns of plugins (xdist is one) that are imported before it
    # could rewrite their assertions.
    from guild_plugins.suites.worker import interact

    interact(config, channel, option_dict, recorder)
    # The interpreter's last collections would walk all that the suite left behind.
    gc.freeze()
    gc.disable()


def _start_recorder(workerinput: dict[str, Any]) -> Recorder | None:
    """Start to measure coverage, if it is asked for; before conftests are imported."""
    measuring = workerinput["guild"].get("coverage")
    if measuring is None:
        return None
    recorder = Recorder(Measuring.from_plain(measuring), workerinput["workerid"])
    recorder.start()
    return recorder


def _start_watching(workerinput: dict[str, Any]) -> Callable[[pytest.Config], object]:
    """Start to note what tests read, where results are kept; before conftests are imported.

    Returns what has to be told of the configuration.
    """
    top = workerinput["guild"].get("kept")
    if top is None:
        return lambda _: None
    from guild_plugins.suites.kept.watching import track, watch

    tracker = track(top)
    return lambda config: watch(config, tracker)
