"""What every test of a session depends on beside the repository's files.

Python, the platform, the installed distributions, pytest's configuration and options.
Whatever is not known to be about looks alone is taken to change outcomes.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest

import guild_plugins
from guild_plugins.suites.kept.records import VERSION
from guild_plugins.suites.pools import Pool

VARIABLES: Final = (
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_COLLATE",
    "LC_CTYPE",
    "LC_MONETARY",
    "LC_NUMERIC",
    "LC_TIME",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD",
    "PYTEST_PLUGINS",
    "PYTHONHASHSEED",
    "TZ",
)
"""Variables that the interpreter, the C library and pytest read without saying so."""

LOOKS: Final = frozenset(
    (
        "basetemp",
        "cacheclear",
        "cacheshow",
        "code_highlight",
        "color",
        "continue_on_collection_errors",
        "debug",
        "dist",
        "distload",
        "distribution",
        "durations",
        "durations_min",
        "exitfirst",
        "failedfirst",
        "file_or_dir",
        "force_short_summary",
        "fulltrace",
        "github_report",
        "htmlpath",
        "ignore",
        "ignore_glob",
        "inifilename",
        "json_report_file",
        "junitprefix",
        "junitxml",
        "keyword_cache",
        "last_failed_no_failures",
        "lf",
        "loadscopereorder",
        "log_cli_level",
        "looponfail",
        "maxfail",
        "maxprocesses",
        "maxschedchunk",
        "maxworkerrestart",
        "newfirst",
        "no_header",
        "no_summary",
        "no_terminal",
        "numprocesses",
        "pastebin",
        "plugins",
        "px",
        "quiet",
        "randomly_seed",
        "report_log",
        "reportchars",
        "rootdir",
        "rsyncdir",
        "rsyncignore",
        "self_contained_html",
        "show_fixtures_per_test",
        "showcapture",
        "showlocals",
        "stepwise",
        "stepwise_reset",
        "stepwise_skip",
        "strict_xfail_cache",
        "tbstyle",
        "testrunuid",
        "trace_config",
        "traceconfig",
        "tx",
        "usepdb",
        "usepdb_cls",
        "verbose",
        "version",
        "xmlpath",
    )
)
"""Options that decide what is shown, where it is written, what is collected at all, and how work
is divided; not how a test ends."""


def describe(config: pytest.Config, top: Path, declared: Iterable[str]) -> list[str]:
    """Return all of it as lines, with no path of this machine in them.

    :param top: The repository's top directory.
    :param declared: Names of the variables that the project says its tests depend on.
    """
    lines = [
        f"guild {guild_plugins.__version__} {VERSION}",
        f"python {sys.version} {sys.implementation.cache_tag} {sys.flags} {sys.warnoptions}",
        f"platform {sys.platform} {' '.join(os.uname()[i] for i in (0, 4))}",
        f"root {os.geteuid() == 0}",
        f"directory {_inside(config.invocation_params.dir, top)}",
        f"rootdir {_inside(config.rootpath, top)}",
        *(f"distribution {name}" for name in distributions()),
        *_variables({*VARIABLES, *declared}),
        *_plugins(config),
        *_configuration(config),
        *_options(config),
    ]
    return [_without(line, top) for line in lines]


def describe_pool(pool: Pool, top: Path) -> list[str]:
    """Return what a scope's own session adds."""
    if not pool.name:
        return []
    args = [_without(argument, top) for argument in pool.args or ()]
    return [f"pool {pool.name} {pool.prefix} {sorted(pool.env)} {args}"]


def distributions(paths: Iterable[str] | None = None) -> list[str]:
    """Return the installed distributions with their versions, by the names of their folders.

    Reading their metadata would take a hundred times as long.
    """
    found: set[str] = set()
    for path in sys.path if paths is None else paths:
        try:
            names = os.listdir(path or ".")  # noqa: PTH208
        except OSError:
            continue
        found.update(name for name in names if name.endswith((".dist-info", ".egg-info")))
    return sorted(found)


def foreign_names(paths: Iterable[str] | None = None) -> set[str]:
    """Return the names of modules that are no part of the project: Python's and installed ones."""
    found = set(sys.stdlib_module_names)
    for path in sys.path if paths is None else paths:
        if path.endswith(("site-packages", "dist-packages")):
            with suppress(OSError):
                found.update(name.partition(".")[0] for name in os.listdir(path))  # noqa: PTH208
    return found


def _variables(names: Iterable[str]) -> Iterator[str]:
    for name in sorted(names):
        if name in os.environ:
            yield f"variable {name}={os.environ[name]}"


def _plugins(config: pytest.Config) -> Iterator[str]:
    """Yield which plugins take part; whole names of those that pytest found by itself."""
    known = config.pluginmanager.list_plugin_distinfo()
    yield from sorted({f"plugin {found.project_name} {found.version}" for _, found in known})
    yield from (f"plugin {name}" for name in config.option.plugins or ())


def _configuration(config: pytest.Config) -> Iterator[str]:
    for name, value in sorted(_said(config).items()):
        if not name.startswith("guild_"):
            yield f"ini {name}={getattr(value, 'value', value)!r}"


def _options(config: pytest.Config) -> Iterator[str]:
    for name, value in sorted(vars(config.option).items()):
        if name not in LOOKS and not name.startswith(("guild_", "cov", "no_cov", "html", "json_")):
            yield f"option {name}={_plain(value)}"
    words = [*config.invocation_params.args, os.environ.get("PYTEST_ADDOPTS", "")]
    if any("randomly-seed" in str(word) for word in words):
        yield f"option randomly_seed={getattr(config.option, 'randomly_seed', None)}"


_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def _plain(value: Any) -> str:
    """Return a value without what is another each time."""
    if isinstance(value, Mapping):
        return str(sorted(f"{key}: {_plain(item)}" for key, item in value.items()))
    return _ADDRESS.sub("", repr(value))


def _inside(path: Path, top: Path) -> str:
    return os.path.relpath(path, top).replace(os.sep, "/")


def _without(line: str, top: Path) -> str:
    return line.replace(str(top), "<top>")


def _said(config: pytest.Config) -> Mapping[str, Any]:
    """Return what the configuration file and ``-o`` say, under pytest's old name or its new."""
    said: Mapping[str, Any] | None = getattr(config, "_inicfg", None)
    return config.inicfg if said is None else said
