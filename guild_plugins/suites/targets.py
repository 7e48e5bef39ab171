"""The path arguments of a pytest command line, resolved without importing anything."""

from __future__ import annotations

import importlib.machinery
import importlib.util
from pathlib import Path

import pytest
from _pytest.pathlib import absolutepath

from guild_plugins.suites.collection import Target


def resolve(config: pytest.Config) -> list[Target]:
    """Return what is asked for; arguments within another one are left out, as pytest does.

    :raises pytest.UsageError: A path does not exist.
    """
    given = [_resolve(config, argument) for argument in config.args]
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


def _resolve(config: pytest.Config, argument: str) -> Target:
    base, bracket, parameters = argument.partition("[")
    location, *parts = base.split("::")
    if bracket and not parts:
        raise pytest.UsageError(f"path cannot contain [] parametrization: {argument}")
    names = ("::".join(parts) + bracket + parameters,) if parts else ()
    levels = None
    path = None
    if config.option.pyargs:
        namespaces = bool(config.getini("consider_namespace_packages"))
        path = _path_of_module(location, namespaces=namespaces)
        levels = location.count(".") if path is not None else None
    resolved = absolutepath(path or config.invocation_params.dir / location)
    if not resolved.exists():
        raise pytest.UsageError(f"file or directory not found: {argument}")
    if parts and resolved.is_dir():
        raise pytest.UsageError(f"directory argument cannot contain :: selection parts: {argument}")
    return Target(resolved, levels, names)


def _path_of_module(name: str, *, namespaces: bool) -> Path | None:
    """Find a module as ``importlib.util.find_spec`` does, without importing its parents.

    :param namespaces: Whether a package without ``__init__.py`` counts.
    """
    top, *parts = name.split(".")
    spec = _top_level(top)
    for part in parts:
        if spec is None or spec.submodule_search_locations is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(part, spec.submodule_search_locations)
    if spec is None:
        return None
    folders = list(spec.submodule_search_locations or ())
    if folders and namespaces:
        return Path(folders[0])
    if spec.origin is None:
        return None
    return Path(spec.origin).parent if folders else Path(spec.origin)


def _top_level(name: str) -> importlib.machinery.ModuleSpec | None:
    """Find a module that has no parent, also where an editable install's own finder knows it."""
    try:
        return importlib.util.find_spec(name)
    except (ImportError, AttributeError, ValueError):  # such as a path, or a module without spec
        return None


def _without_nested(targets: list[Target]) -> list[Target]:
    whole = {target.path for target in targets if not target.names}
    return [t for t in targets if not any(parent in whole for parent in t.path.parents)]
