"""Where a project's packages lie: the source roots of all projects in a tree.

A project is a folder with a ``pyproject.toml``, ``setup.cfg`` or ``setup.py``,
as each member of a workspace has, and the top. Each is asked for what it
declares (build settings, pytest's ``pythonpath``); ``src``, ``lib`` and
``python`` are taken for source roots by their names. The fixtures of tests
are no projects.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from importlib.machinery import EXTENSION_SUFFIXES

from guild_plugins.scopes.kinds import PROJECT_FILES, USUAL_ROOTS, is_test_file, is_tests
from guild_plugins.scopes.layout import declared_roots
from guild_plugins.scopes.pytest_files import python_paths
from guild_plugins.scopes.tree import Tree
from guild_plugins.scopes.workspace import read_toml


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


def shadows(
    paths: Collection[str], roots: Iterable[str], names: Collection[str]
) -> tuple[str, ...]:
    """Return the modules that whoever imports one of these names may get instead, sorted.

    They lie where pytest, an interpreter or the configuration has modules looked for: in a
    source root, or beside tests that are no package. What is installed imports from there as well.

    :param names: Of modules that do not belong to the tree, such as the standard library's.
    """
    found = [path for path in paths if _module_at(path) in names]
    searched = set(roots) if found else set()
    for path in paths if found else ():
        folder, _, name = path.rpartition("/")
        if is_test_file(name) or name == "conftest.py":
            searched.add(folder)
    bases = {f for f in searched if _inside(f, "__init__.py") not in paths}
    return tuple(sorted(path for path in found if _folder_of(path) in bases))


def found_instead(paths: Collection[str], modules: Iterable[str]) -> tuple[str, ...]:
    """Return what Python imports in place of modules in ``.py`` files, though it has their name.

    That is a package, or a module written in C, beside the file.
    """
    ends = ("/__init__.py", *EXTENSION_SUFFIXES)
    places = (module.removesuffix(".py") + end for module in modules for end in ends)
    return tuple(place for place in places if place in paths)


def _module_at(path: str) -> str:
    """Return the last name of the module in a file; empty where there is none."""
    module = path.removesuffix("/__init__.py")
    name = module.rpartition("/")[2]
    return name if module != path else name[:-3] if name.endswith(".py") else ""


def _folder_of(path: str) -> str:
    return path.removesuffix("/__init__.py").rpartition("/")[0]


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
