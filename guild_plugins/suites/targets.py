"""The path arguments of a pytest command line, resolved without importing anything."""

from __future__ import annotations

import importlib.machinery
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from _pytest.pathlib import absolutepath

from guild_plugins.suites.collection import Target


def resolve(config: pytest.Config) -> list[Target]:
    """Return what is asked for; arguments within another one are left out, as pytest does.

    :raises pytest.UsageError: A path does not exist.
    """
    given = [
        _resolve(argument, config.invocation_params.dir, config.option.pyargs)
        for argument in config.args
    ]
    if config.option.keepduplicates:
        return given
    by_path: dict[Path, Target] = {}
    for target in given:
        known = by_path.get(target.path)
        if known is None:
            by_path[target.path] = target
        elif known.names:
            names = () if not target.names else tuple({**dict.fromkeys(known.names + target.names)})
            by_path[target.path] = Target(target.path, target.levels, names)
    return _without_nested(list(by_path.values()))


def _resolve(argument: str, here: Path, as_modules: bool) -> Target:
    base, bracket, parameters = argument.partition("[")
    location, *parts = base.split("::")
    if bracket and not parts:
        raise pytest.UsageError(f"path cannot contain [] parametrization: {argument}")
    names = ("::".join(parts) + bracket + parameters,) if parts else ()
    levels = None
    path = None
    if as_modules:
        path = _path_of_module(location)
        levels = location.count(".") if path is not None else None
    resolved = absolutepath(path or here / location)
    if not resolved.exists():
        raise pytest.UsageError(f"file or directory not found: {argument}")
    if parts and resolved.is_dir():
        raise pytest.UsageError(f"directory argument cannot contain :: selection parts: {argument}")
    return Target(resolved, levels, names)


def _path_of_module(name: str) -> Path | None:
    """Find a module as ``importlib.util.find_spec`` does, without importing its parents."""
    search: Sequence[str] | None = sys.path
    spec = None
    for part in name.split("."):
        if search is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(part, list(search))
        if spec is None:
            return None
        search = spec.submodule_search_locations
    if spec is None or spec.origin is None:
        return None
    origin = Path(spec.origin)
    return origin.parent if spec.submodule_search_locations else origin


def _without_nested(targets: list[Target]) -> list[Target]:
    whole = {target.path for target in targets if not target.names}
    return [t for t in targets if not any(parent in whole for parent in t.path.parents)]
