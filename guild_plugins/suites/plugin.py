"""The door to pytest: options, and the switch.

Every pytest run of every project in an environment that has Guild imports this
module, so it imports nothing but pytest and the options. All else waits for the switch.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

from guild_plugins.suites.options import (
    add_options,
    early,
    has_values_apart,
    is_on,
    only_lists,
    only_shows,
    settle,
    shows_setup,
    wants_coverage,
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the group "guild"."""
    add_options(parser)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None, object, object]:
    """Do what must be done before conftests are imported: find the root, repair the path, measure.

    Conftests of members with a session of their own are left to that session.
    """
    if has_values_apart(early_config.invocation_params.args):
        from guild_plugins.suites.rooting import mend

        mend(early_config, parser, args)
    if not early(early_config, "guild_scopes"):
        _begin_coverage(early_config)
        return (yield)
    _load_as_installed()
    if early(early_config, "guild_import_guard") == "repair":
        from guild_plugins.suites.owned import repair

        repair(early_config.rootpath)
    _begin_coverage(early_config)
    _begin_watching(early_config)
    known = early_config.known_args_namespace
    paths = known.file_or_dir
    if len(paths) < 2 or known.pyargs:
        return (yield)
    from guild_plugins.suites.anchors import without_members

    here = early_config.invocation_params.dir
    known.file_or_dir = without_members(paths, here, early_config.rootpath)
    try:
        return (yield)
    finally:
        known.file_or_dir = paths


def _load_as_installed() -> None:
    from guild_plugins.suites.modules import load_as_installed

    load_as_installed()


def _begin_coverage(early_config: pytest.Config) -> None:
    if not wants_coverage(early_config):
        return
    from guild_plugins.suites.recorder import Recorder

    if Recorder.running is not None:
        return  # a worker measures from its start, and a nested session is measured with ours
    from guild_plugins.suites.coverage import begin

    begin(early_config)


def _begin_watching(early_config: pytest.Config) -> None:
    """Note what tests read, where results are kept and tests run in this process."""
    known = early_config.known_args_namespace
    is_alone = getattr(known, "numprocesses", 0) == 0 and not getattr(known, "tx", None)
    if not early(early_config, "guild_cache") or not is_alone or only_shows(known):
        return
    if hasattr(early_config, "workerinput"):
        return
    from guild_plugins.git.repository import find_repository
    from guild_plugins.suites.kept.labels import Labels
    from guild_plugins.suites.kept.tracking import Tracker
    from guild_plugins.suites.kept.watching import track

    repository = find_repository(early_config.rootpath)
    if repository is not None and Tracker.running is None:
        tracker = track(str(repository.top))
        early_config.add_cleanup(tracker.stop)
        labels = Labels.running
        if labels is not None:
            early_config.add_cleanup(labels.stop)


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, object, object]:
    """Set up a run by scope; distribute it where the command line does not say how.

    A plugin that is registered while pytest configures is configured at once,
    before the terminal and the cache are there. So ours is registered here.
    """
    option = config.option
    if hasattr(config, "workerinput") or option.help or option.version or not is_on(config):
        return (yield)
    _load_as_installed()
    if only_lists(option):
        option.numprocesses = 0
        return (yield)
    settle(config)
    if shows_setup(option):
        option.numprocesses = 0
        option.guild_cache = False  # what is shown is what runs
    elif (
        getattr(option, "numprocesses", 0) is None
        and not option.tx
        and not option.usepdb
        and not option.collectonly
    ):
        option.numprocesses = "auto"
    from guild_plugins.suites.start import Starter

    config.pluginmanager.register(Starter(), "guild-starter")
    return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Take over from xdist: its session is not registered where ours will be."""
    starter = config.pluginmanager.get_plugin("guild-starter")
    if starter is not None and starter.is_distributed(config):
        config.pluginmanager.set_blocked("dsession")
