"""Finds test files without importing anything.

What is found is a superset: ``collect_ignore`` of a conftest and plugins that
ignore paths are heard by the worker, which then finds nothing in that file.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from guild_plugins.suites.collection import Target
from guild_plugins.suites.naming import Candidates, ignored_directory
from guild_plugins.suites.pools import Pool


@dataclass(frozen=True, slots=True)
class Found:
    """A file to offer to a worker.

    :param path: Absolute path; of a directory where the files directly in it
        that are no test files by name are meant (a plugin may collect them).
    :param target: Index of the command-line target it was found under.
    :param size: Bytes.
    """

    path: str
    target: int
    size: int


@dataclass(frozen=True, slots=True)
class Rules:
    """What a walk enters and keeps."""

    candidates: Candidates
    ignored: re.Pattern[str]
    ignored_paths: frozenset[str]
    ignored_globs: tuple[str, ...]
    in_virtualenvs: bool
    custom: bool

    def skips(self, path: str) -> bool:
        """Tell whether the command line ignores this path."""
        return path in self.ignored_paths or any(
            fnmatch.fnmatch(path, glob) for glob in self.ignored_globs
        )


def rules_of(config: pytest.Config, pool: Pool, elsewhere: Iterable[Path] = ()) -> Rules:
    """Read what pytest's options say of files and directories.

    :param elsewhere: Directories that are other pools' business.
    """
    here = config.invocation_params.dir
    explicit = frozenset(target.path for target in pool.targets)
    ini = pool.ini or {}
    ignored = [os.path.normpath(here / path) for path in config.getoption("ignore") or ()]
    return Rules(
        candidates=Candidates.of(config, explicit, ini.get("python_files")),
        ignored=ignored_directory(ini.get("norecursedirs") or config.getini("norecursedirs")),
        ignored_paths=frozenset([*ignored, *map(str, elsewhere)]),
        ignored_globs=tuple(
            os.path.normpath(here / glob) for glob in config.getoption("ignore_glob") or ()
        ),
        in_virtualenvs=bool(config.getoption("collect_in_virtualenv")),
        custom=_has_custom_collectors(config),
    )


def find(rules: Rules, targets: Sequence[Target]) -> list[Found]:
    """Return the files under the targets, in the order in which pytest would visit them."""
    found: list[Found] = []
    for index, target in enumerate(targets):
        if target.path.is_dir():
            found += _walk(rules, str(target.path), index, rules.custom)
        else:
            found.append(Found(str(target.path), index, target.path.stat().st_size))
    return found


def _walk(rules: Rules, top: str, target: int, custom: bool) -> Iterator[Found]:
    try:
        with os.scandir(top) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except OSError:
        return
    custom = custom or any(
        entry.name == "conftest.py" and _mentions_collectors(entry.path) for entry in entries
    )
    others = 0
    for entry in entries:
        try:
            is_directory = entry.is_dir()
            if is_directory:
                if _enters(rules, entry):
                    yield from _walk(rules, entry.path, target, custom)
            elif entry.is_file():
                if not rules.candidates.matches(entry.path, entry.name):
                    others += 1
                elif not rules.skips(entry.path):
                    yield Found(entry.path, target, entry.stat().st_size)
        except OSError:
            continue
    if custom and others:
        yield Found(top, target, 0)


def _enters(rules: Rules, entry: os.DirEntry[str]) -> bool:
    if rules.ignored.match(entry.name) or rules.skips(entry.path):
        return False
    if entry.is_symlink():
        # A link to a directory above itself would be walked for ever.
        real = os.path.realpath(entry.path)
        if os.path.commonpath([real, os.path.realpath(os.path.dirname(entry.path))]) == real:
            return False
    return rules.in_virtualenvs or not _is_virtualenv(entry.path)


def _is_virtualenv(path: str) -> bool:
    return os.path.isfile(os.path.join(path, "pyvenv.cfg")) or os.path.isfile(
        os.path.join(path, "conda-meta", "history")
    )


_CORE_COLLECTORS = frozenset({"python", "doctest", "main", "unittest", "nose"})
_COLLECTOR_HOOKS = (b"pytest_collect_file", b"pytest_collect_directory")


def _has_custom_collectors(config: pytest.Config) -> bool:
    """Tell whether a plugin may collect files that pytest itself would not."""
    hook = config.pluginmanager.hook
    implementations = (
        *hook.pytest_collect_file.get_hookimpls(),
        *hook.pytest_collect_directory.get_hookimpls(),
    )
    return any(
        impl.plugin_name not in _CORE_COLLECTORS and not _only_wraps_python(impl.plugin_name)
        for impl in implementations
    )


def _only_wraps_python(plugin: str) -> bool:
    """Tell whether a plugin's collector hook is known to look at Python files alone."""
    return plugin in ("asyncio", "pytest_asyncio", "trio", "anyio")


def _mentions_collectors(conftest: str) -> bool:
    try:
        content = Path(conftest).read_bytes()
    except OSError:
        return False
    return any(name in content for name in _COLLECTOR_HOOKS)
