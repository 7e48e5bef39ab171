"""Suites that need a session of their own: their root, configuration, interpreter.

A workspace's packages often cannot share one pytest: each has a ``tests``
package, a conftest and an ini-file. Such a suite runs as if pytest had been
started in its directory; its node ids get that directory in front.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from _pytest.config.findpaths import load_config_dict_from_file

from guild_plugins.scopes.model import PytestSettings
from guild_plugins.scopes.project import Project
from guild_plugins.suites.collection import Target

INI_FILES = (
    "pytest.toml",
    ".pytest.toml",
    "pytest.ini",
    ".pytest.ini",
    "pyproject.toml",
    "tox.ini",
    "setup.cfg",
)
"""Where pytest looks for a configuration in a directory, in its order."""


@dataclass(frozen=True, slots=True)
class Pool:
    """What all workers of one kind have in common.

    :param prefix: Path of the suite's own root from the invocation's, with a
        trailing slash; empty for the invocation's own.
    :param args: pytest's arguments; None for those of this invocation.
    :param chdir: Where its workers run; None for here.
    :param ini: The suite's own configuration values that say what is a test file.
    """

    name: str
    targets: tuple[Target, ...]
    prefix: str = ""
    args: tuple[str, ...] | None = None
    chdir: str | None = None
    env: tuple[tuple[str, str], ...] = ()
    python: str | None = None
    ini: Mapping[str, tuple[str, ...]] | None = None

    @property
    def root(self) -> Path | None:
        """The directory that the suite calls its own; None for the invocation's."""
        return Path(self.chdir) if self.chdir else None


def pools_of(
    config: pytest.Config, project: Project, targets: Sequence[Target]
) -> tuple[dict[str, Pool], dict[str, str]]:
    """Return the pools beside the invocation's own, and scope id to pool name.

    Only for scopes that lie under a target.
    """
    pools: dict[str, Pool] = {}
    of_scope: dict[str, str] = {}
    for scope in project.scopes:
        settings = scope.pytest
        if not settings.is_apart:
            continue
        home = project.root / (settings.rootdir or ".")
        own = _targets_in(home, settings, targets)
        if not own:
            continue
        if home == config.rootpath:
            own = list(targets)  # its files are found with all others
        name = settings.rootdir or scope.id
        if name not in pools:
            pools[name] = _make(config, project.root, name, settings, home, own)
        of_scope[scope.id] = name
    return pools, of_scope


def _make(
    config: pytest.Config,
    root: Path,
    name: str,
    settings: PytestSettings,
    home: Path,
    targets: Sequence[Target],
) -> Pool:
    is_elsewhere = home != config.rootpath
    inifile = root / settings.inifile if settings.inifile else None
    if inifile is None and not is_elsewhere:
        inifile = config.inipath  # what the worker's paths lead to may be another package's
    ini = _ini_of(home, inifile)
    if is_elsewhere:
        targets = _narrow(home, targets, ini.get("testpaths", ()))
    args = _options_of(config)
    args.append(f"--rootdir={home}")
    if inifile is not None:
        args += ["-c", str(inifile)]
    args += settings.args
    args += [argument for target in targets for argument in _arguments(target)]
    python = settings.python
    if python is not None and os.sep in python:
        python = str(root / python)
    return Pool(
        name=name,
        targets=tuple(targets),
        prefix=_prefix(home, config.rootpath),
        args=tuple(args),
        chdir=str(home) if is_elsewhere else None,
        env=settings.env,
        python=shlex.quote(python) if python else None,
        ini=ini,
    )


def _targets_in(home: Path, settings: PytestSettings, targets: Sequence[Target]) -> list[Target]:
    """Return what was asked for within a directory: the targets in it, or all of it."""
    if settings.rootdir is None:
        return list(targets)
    inside = [target for target in targets if home in (target.path, *target.path.parents)]
    if inside:
        return inside
    above = any(target.path in home.parents and not target.names for target in targets)
    return [Target(home)] if above else []


def _narrow(home: Path, targets: Sequence[Target], testpaths: Iterable[str]) -> list[Target]:
    """Put the suite's ``testpaths`` in the place of its whole directory, as pytest does."""
    paths = [
        Target(path)
        for pattern in testpaths
        for path in sorted(home.glob(pattern))
        if path.exists()
    ]
    if not paths:
        return list(targets)
    return [t for target in targets for t in (paths if target.path == home else [target])]


def _ini_of(home: Path, inifile: Path | None) -> dict[str, tuple[str, ...]]:
    """Read what a suite's own configuration says of files and directories."""
    names = [inifile] if inifile else [home / name for name in INI_FILES]
    for path in names:
        if not path.is_file():
            continue
        found = load_config_dict_from_file(path)
        if found is not None:
            return {
                key: _values(found[key])
                for key in ("testpaths", "python_files", "norecursedirs")
                if key in found
            }
    return {}


def _values(entry: Any) -> tuple[str, ...]:
    value = getattr(entry, "value", entry)
    if isinstance(value, str):
        return tuple(shlex.split(value))
    return tuple(str(part) for part in value)


def _options_of(config: pytest.Config) -> list[str]:
    """Return the invocation's arguments without its paths."""
    paths = list(getattr(config.known_args_namespace, "file_or_dir", None) or ())
    kept: list[str] = []
    for argument in reversed([str(arg) for arg in config.invocation_params.args]):
        if argument in paths:  # paths mostly come last, options' values before them
            paths.remove(argument)
        else:
            kept.insert(0, argument)
    return [arg for arg in kept if not arg.startswith("--rootdir")]


def _arguments(target: Target) -> list[str]:
    if not target.names:
        return [str(target.path)]
    return [f"{target.path}::{name}" for name in target.names]


def _prefix(home: Path, rootpath: Path) -> str:
    if home == rootpath:
        return ""
    return os.path.relpath(home, rootpath).replace(os.sep, "/") + "/"
