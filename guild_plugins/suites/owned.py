"""Which modules a project's tree owns, before anything of it is imported.

Apart from `guard`, which every worker imports: scopes are read here.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Final

from guild_plugins.git.repository import find_repository
from guild_plugins.scopes.config import ConfigInvalid
from guild_plugins.scopes.project import Project, load_project
from guild_plugins.suites.guard import owned_modules, put_first

GLOB: Final = re.compile(r"[*?\[]")


def owned_by(project: Project) -> dict[str, str]:
    """Return the top-level modules of a project and of the projects in it, with their paths."""
    return owned_modules(project.root, _projects_in(project))


def repair(start: Path) -> None:
    """Put the tree that a directory lies in first on ``sys.path``."""
    repository = find_repository(start)
    root = repository.top if repository else start
    owned = owned_modules(root)
    with suppress(ConfigInvalid):  # which is told when the scopes are read to be used
        owned = owned_by(load_project(root))
    put_first(owned)


def _projects_in(project: Project) -> list[str]:
    """Return the directories of scopes that are projects of their own."""
    folders = {
        pattern.strip("/").removesuffix("/**")
        for scope in project.scopes
        for pattern in scope.paths
        if not GLOB.search(pattern.strip("/").removesuffix("/**"))
    }
    return sorted(
        folder
        for folder in folders
        if any((project.root / folder / name).is_file() for name in ("pyproject.toml", "setup.py"))
    )
