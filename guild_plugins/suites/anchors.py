"""Which paths of a command line pytest may load conftests of before it is configured.

pytest imports the conftests of every path that is named, all into one process.
Those of members with a session of their own clash there, as their tests would.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from guild_plugins.git.repository import find_repository
from guild_plugins.scopes.config import ConfigInvalid
from guild_plugins.scopes.project import load_project


def without_members(paths: Sequence[str], here: Path, rootpath: Path) -> list[str]:
    """Return the paths that do not lie in a member with a session of its own.

    :param here: Where pytest was started: what the paths are relative to.
    :param rootpath: The session's root; a member that is itself the root is let be.
    """
    homes = [home for home in _homes(rootpath) if home != rootpath]
    return [path for path in paths if not any(_lies_in(here, path, home) for home in homes)]


def _lies_in(here: Path, argument: str, home: Path) -> bool:
    path = here / argument.split("::", 1)[0]
    return path.resolve().is_relative_to(home.resolve())


def _homes(start: Path) -> list[Path]:
    repository = find_repository(start)
    root = repository.top if repository else start
    with suppress(ConfigInvalid):  # which is told when the scopes are read to be used
        settings = [scope.pytest for scope in load_project(root).scopes]
        return [root / own.rootdir for own in settings if own.rootdir]
    return []
