"""Every option of the pytest plugin: on the command line, in the ini-file, and its default.

One table. The command line wins over the ini-file. No flag takes an optional
value, so none can swallow a path. Every pytest start reads this module: it
imports nothing but pytest.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
from typing import Any, NamedTuple

import pytest


class Option(NamedTuple):
    """One option; its flag is its name with dashes.

    :param kind: ``flag``, ``text``, ``list``, ``count`` or ``seconds``.
    :param choices: What a text may be; anything where this is empty.
    """

    name: str
    kind: str
    default: Any
    help: str
    metavar: str | None = None
    choices: tuple[str, ...] = ()

    @property
    def flag(self) -> str:
        """The option as it is written on the command line."""
        return "--" + self.name.replace("_", "-")


OPTIONS = (
    Option(
        "guild_scopes",
        "flag",
        False,
        "run each scope's suite on its own account, distributed over xdist's workers: "
        "as many as -n says, as -n auto where it says nothing, in this process with -n0",
    ),
    Option(
        "guild_scope",
        "list",
        [],
        "run only this scope or group of scopes; may be repeated, and may be a pattern such as "
        "'api-*'",
        "NAME",
    ),
    Option(
        "guild_shard",
        "text",
        None,
        "run only part K of N, for N machines: files are divided by what they took before, "
        "scopes stay together where that is fair; 'guild matrix --shards N' lists the parts, and "
        "K/N@WORD refuses to run where files or durations differ from what it listed",
        "K/N",
    ),
    Option(
        "guild_affected",
        "flag",
        False,
        "run only the test files that the work tree's changes can affect, as 'guild affected' "
        "lists them",
    ),
    Option(
        "guild_base",
        "text",
        "HEAD",
        "with --guild-affected, what to compare with; what counts is where it and HEAD parted",
        "REV",
    ),
    Option(
        "guild_cache",
        "flag",
        False,
        "do not run a test file again of which nothing has changed since all of it passed: not "
        "its imports, nor what it was seen to read, the configuration or the environment",
    ),
    Option(
        "guild_cov",
        "flag",
        False,
        "measure coverage in all workers, merged, with a percentage for each scope",
    ),
    Option(
        "guild_cov_source",
        "list",
        [],
        "with --guild-cov, a package or directory to measure, where coverage.py's configuration "
        "names none; may be repeated",
        "SOURCE",
    ),
    Option(
        "guild_cov_report",
        "list",
        ["term"],
        "with --guild-cov, what to report: term, term-missing, xml, html, json, lcov or none; may "
        "be repeated. Files go where coverage.py's configuration says",
        "FORMAT",
    ),
    Option(
        "guild_cov_fail_under",
        "list",
        [],
        "with --guild-cov, fail where a scope's coverage is lower, as in 'api: 90'; TOTAL stands "
        "for the whole; may be repeated",
        "FLOOR",
    ),
    Option(
        "guild_report",
        "text",
        None,
        "write what happened as JSON: totals, scopes, workers, failures "
        "(suites/report.schema.json in the package describes it)",
        "PATH",
    ),
    Option(
        "guild_maxfail",
        "count",
        0,
        "give up a scope after its first N failures while the others go on (--maxfail ends the "
        "whole run)",
        "N",
    ),
    Option(
        "guild_scope_timeout",
        "seconds",
        0.0,
        "give up a scope that takes longer than this, its hanging test included",
        "SECONDS",
    ),
    Option(
        "guild_import_guard",
        "text",
        "stop",
        "what to do where a module of the tree under test is imported from another place, such "
        "as an installed copy: stop, repair (put the tree first on the path) or off",
        "MODE",
        ("stop", "repair", "off"),
    ),
    Option(
        "guild_whole_scopes",
        "flag",
        False,
        "collect each scope's files together in one worker, for plugins and fixtures that must "
        "see them all at once",
    ),
    Option(
        "guild_all_workers",
        "flag",
        False,
        "start as many workers as -n says even where there are fewer cores and the tests keep "
        "those busy",
    ),
    Option(
        "guild_leave_heap",
        "flag",
        False,
        "leave the garbage collector as it is; otherwise workers keep modules and collected tests "
        "out of its automatic collections (gc.freeze)",
    ),
)

VALUED = frozenset(option.flag for option in OPTIONS if option.kind != "flag")
"""The flags that take a value."""

_INI_TYPES = {"flag": "bool", "text": "string", "list": "args", "count": "int", "seconds": "float"}


def add_options(parser: pytest.Parser) -> None:
    """Add all of the table to pytest's command line and ini-file."""
    group = parser.getgroup("guild", "suites by scope")
    for option in OPTIONS:
        _add_flag(group, option)
        kind: Any = _INI_TYPES[option.kind]
        parser.addini(option.name, f"{option.help} (as {option.flag})", type=kind, default=None)
    group.addoption(
        "--no-guild-scopes",
        action="store_const",
        const=False,
        dest="guild_scopes",
        help="run as if Guild was not there, whatever the ini-file says",
    )
    group.addoption(
        "--no-guild-cache",
        action="store_const",
        const=False,
        dest="guild_cache",
        help="run everything, whatever the ini-file says, and keep nothing",
    )


def _add_flag(group: Any, option: Option) -> None:
    if option.kind == "flag":
        group.addoption(
            option.flag, action="store_const", const=True, dest=option.name, help=option.help
        )
        return
    details: dict[str, Any] = {"dest": option.name, "help": option.help, "metavar": option.metavar}
    if option.kind == "list":
        details["action"] = "append"
    group.addoption(option.flag, **details)


def has_values_apart(args: Iterable[str]) -> bool:
    """Tell whether the value of one of our options is an argument of its own."""
    return not VALUED.isdisjoint(args)


def settle(config: pytest.Config) -> None:
    """Give every option its value, from the command line, the ini-file or the table.

    :raises pytest.UsageError: A value cannot be used.
    """
    for option in OPTIONS:
        given = getattr(config.option, option.name, None)
        source = option.flag
        if given is None:
            given, source = _from_ini(config, option.name), f"ini option {option.name}"
        if given in (None, "", []):
            given = option.default
        setattr(config.option, option.name, _checked(option, given, source))


def is_on(config: pytest.Config) -> bool:
    """Tell whether the run is by scope; says it without reading the other options."""
    given = config.option.guild_scopes
    return bool(_from_ini(config, "guild_scopes") if given is None else given)


def only_lists(option: Namespace) -> bool:
    """Tell whether the command line asks for what pytest prints in place of a run."""
    asked = _given(option, "showfixtures", "show_fixtures_per_test")
    return asked or getattr(option, "cacheshow", None) is not None


def only_shows(option: Namespace) -> bool:
    """Tell whether no test is to run: tests or their fixtures are only shown."""
    return _given(option, "collectonly", "setuponly", "setupplan")


def shows_setup(option: Namespace) -> bool:
    """Tell whether fixtures are to be shown as they are set up, which workers do not print."""
    return _given(option, "setupshow", "setuponly", "setupplan")


def early(config: pytest.Config, name: str) -> Any:
    """Return an option before pytest is configured, as it was given."""
    given = getattr(config.known_args_namespace, name, None)
    return _from_ini(config, name) if given is None else given


def wants_coverage(config: pytest.Config) -> bool:
    """Tell, before pytest is configured, whether coverage is to be measured.

    :raises pytest.UsageError: It is asked for in a run that is not by scope.
    """
    known = config.known_args_namespace
    if not early(config, "guild_cov") or known.guild_scopes is False:
        return False
    if not early(config, "guild_scopes"):
        if known.guild_cov:
            raise pytest.UsageError("--guild-cov needs --guild-scopes; elsewhere there is --cov")
        return False
    return not only_shows(known)


def _given(option: Namespace, *names: str) -> bool:
    return any(getattr(option, name, False) for name in names)  # of plugins that may be off


def _from_ini(config: pytest.Config, name: str) -> Any:
    try:
        return config.getini(name)
    except (TypeError, ValueError, pytest.UsageError) as error:
        raise pytest.UsageError(f"ini option {name}: {error}") from error


def _checked(option: Option, given: Any, source: str) -> Any:
    if option.choices and given not in option.choices:
        raise pytest.UsageError(f"{source}: {given!r} is none of {', '.join(option.choices)}")
    if option.kind not in ("count", "seconds"):
        return given
    try:
        number = int(given) if option.kind == "count" else float(given)
    except ValueError:
        number = -1
    if not 0 <= number < float("inf"):
        what = "a whole number" if option.kind == "count" else "a number of seconds"
        raise pytest.UsageError(f"{source}: {given!r} is not {what}, 0 or more")
    return number
