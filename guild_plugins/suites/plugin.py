"""The door to pytest: options, and the switch.

Every pytest run of every project in an environment that has Guild imports this
module, so it imports nothing but pytest. All else is loaded when the switch is on.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

OPTIONS = {
    "guild_scopes": ("--guild-scopes", "bool", "Run each scope's suite, distributed over workers."),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the group "guild"."""
    group = parser.getgroup("guild", "suites by scope")
    group.addoption(
        "--guild-scopes",
        action="store_true",
        dest="guild_scopes",
        help="collect and run each scope's suite on its own, distributed over xdist's workers "
        "(as many as -n says; -n auto where it says nothing)",
    )
    group.addoption(
        "--guild-scope",
        action="append",
        default=[],
        metavar="NAME",
        dest="guild_scope",
        help="run only this scope or group; repeatable, globs allowed",
    )
    group.addoption("--guild-maxfail", type=int, default=0, metavar="N", dest="guild_maxfail", help="stop a scope after its first N failures")
    group.addoption("--guild-scope-timeout", type=float, default=0, metavar="SECONDS", dest="guild_scope_timeout", help="end a scope that runs longer")
    parser.addini("guild_import_guard", "what to do where a module of the tree under test was imported from another place: stop (default), repair (put the tree first), off", default="stop")
    parser.addini("guild_whole_scopes", "collect whole scopes", type="bool", default=False)


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, object, object]:
    """Distribute where the command line does not say how: as ``-n auto``."""
    option = config.option
    if (
        option.guild_scopes
        and not hasattr(config, "workerinput")
        and getattr(option, "numprocesses", 0) is None
        and not option.tx
        and not option.usepdb
        and not option.collectonly
    ):
        option.numprocesses = "auto"
    return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Take over from xdist when the switch is on."""
    if not config.option.guild_scopes or hasattr(config, "workerinput"):
        return
    from guild_plugins.suites.start import configure

    configure(config)
