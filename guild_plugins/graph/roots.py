"""Where a project's packages lie: the source roots of all projects in a tree.

A project is a folder with a ``pyproject.toml``, ``setup.cfg`` or ``setup.py``,
as each member of a workspace has, and the top. Each is asked for what it
declares (build settings, pytest's ``pythonpath``); ``src``, ``lib`` and
``python`` are taken for source roots by their names. The fixtures of tests
are no projects.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from guild_plugins.scopes.kinds import is_tests
from guild_plugins.scopes.layout import USUAL_ROOTS, declared_roots
from guild_plugins.scopes.pytest_files import python_paths
from guild_plugins.scopes.tree import Tree
from guild_plugins.scopes.workspace import PROJECT_FILES, read_toml


def import_roots(tree: Tree, project_files: Iterable[str]) -> tuple[str, ...]:
    """Return the source roots, those of outer projects first.

    :param tree: Only the project files, pytest's configuration and
        ``__init__.py`` files are asked for.
    :param project_files: The paths of all files that make a folder a project.
    """
    folders = {path.rpartition("/")[0] for path in project_files}
    projects = sorted({"", *(f for f in folders if _is_ours(f))}, key=lambda f: (f.count("/"), f))
    roots: dict[str, None] = {}
    for project in projects:
        roots.update(dict.fromkeys(_roots_of(tree, project)))
    return tuple(roots)


def is_project_file(path: str) -> bool:
    """Say whether a file makes its folder a project."""
    return path.rpartition("/")[2] in PROJECT_FILES


def _roots_of(tree: Tree, project: str) -> Sequence[str]:
    settings = read_toml(tree, _inside(project, "pyproject.toml"))
    declared = [where for where, _ in declared_roots(tree, project, settings)]
    declared += [w.strip("/") for w in python_paths(tree, project) if ".." not in w]
    usual = [n for n in USUAL_ROOTS if tree.read(_inside(project, f"{n}/__init__.py")) is None]
    places = (_inside(project, "" if where == "." else where) for where in (*declared, *usual))
    return [*places, project]


def _is_ours(folder: str) -> bool:
    names = folder.split("/")
    return not any(is_tests(name) or name.startswith(".") for name in names)


def _inside(project: str, where: str) -> str:
    return f"{project}/{where}" if project and where else project or where
