"""The paths of each scope as a command can be given them: folders that are all its own, else files.

Pure. The patterns of a configuration overlap (the longest wins), and no program
but Guild would understand them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from guild_plugins.scopes.model import ScopeId

Territories = dict[ScopeId, tuple[str, ...]]


def territories(paths: Iterable[str], owner_of: Callable[[str], ScopeId]) -> Territories:
    """Return the paths of each scope that has any, sorted."""
    owners = {path: owner_of(path) for path in sorted(paths)}
    in_folder: dict[str, set[ScopeId]] = {}
    for path, owner in owners.items():
        for folder in _folders_above(path):
            in_folder.setdefault(folder, set()).add(owner)
    found: dict[ScopeId, dict[str, None]] = {}
    for path, owner in owners.items():
        own = (folder for folder in _folders_above(path) if len(in_folder[folder]) == 1)
        found.setdefault(owner, {})[next(own, path)] = None
    return {scope: tuple(each) for scope, each in found.items()}


def _folders_above(path: str) -> list[str]:
    """Return the folders that a path lies in, the highest first; the top is none."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]
