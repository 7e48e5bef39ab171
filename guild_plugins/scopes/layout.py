"""Where a project keeps its packages: src layout, flat layout, or as its build says.

Pure, given a tree. Read are setuptools, hatch, poetry and flit settings.
"""

from __future__ import annotations

import configparser

from guild_plugins.scopes.folders import Folder
from guild_plugins.scopes.kinds import ASIDE_OF, USUAL_ROOTS, is_tests
from guild_plugins.scopes.tree import Tree
from guild_plugins.scopes.workspace import Table, dig, strings


def source_roots(tree: Tree, base: Folder, settings: Table) -> dict[str, str]:
    """Return the folders that packages lie in, each with its evidence.

    The base itself is among them where packages lie flat.

    :param settings: What the ``pyproject.toml`` of this base says.
    """
    roots: dict[str, str] = {}
    for where, reason in declared_roots(tree, base.path, settings):
        folder = base.at(where)
        if folder is not None and folder.count:
            roots.setdefault(folder.path, reason)
    for name in USUAL_ROOTS:
        folder = base.folders.get(name)
        if folder is not None and folder.count and "__init__.py" not in folder.files:
            roots.setdefault(folder.path, f"a {name} layout")
    roots.setdefault(base.path, "packages lie flat in the root")
    return roots


def declared_roots(tree: Tree, base: str, settings: Table) -> list[tuple[str, str]]:
    """Return the folders that a project says its packages lie in, each with its evidence.

    :param base: The project's own folder; the answers are relative to it.
    :param settings: What its ``pyproject.toml`` says.
    """
    found = (*_declared(settings), *_declared_in_setup_cfg(tree, base))
    return [(_clean(where), reason) for where, reason in found if ".." not in where]


def packages_in(root: Folder, *, flat: bool, roots: dict[str, str]) -> list[Folder]:
    """Return the top packages of a source root, namespace packages included.

    :param flat: The root is the project's own directory, so not all in it is code.
    :param roots: All source roots; none of them is a package itself.
    """
    return [
        folder
        for name, folder in root.folders.items()
        if folder.count
        and folder.path not in roots
        and not any(root_path.startswith(folder.path + "/") for root_path in roots)
        and not is_tests(name)
        and not name.startswith(".")
        and not (flat and name in ASIDE_OF)
    ]


def _declared(settings: Table) -> list[tuple[str, str]]:
    """Return the folders that ``pyproject.toml`` names."""
    tool = dig(settings, "tool")
    found = [
        (where, "[tool.setuptools.packages.find] where")
        for where in strings(dig(tool, "setuptools", "packages", "find", "where"))
    ]
    package_dir = dig(tool, "setuptools", "package-dir")
    if isinstance(package_dir, dict):
        found += [
            (where, "[tool.setuptools] package-dir") for where in strings(package_dir.get(""))
        ]
    wheel = dig(tool, "hatch", "build", "targets", "wheel")
    for package in strings(dig(wheel, "packages")) + strings(dig(wheel, "only-include")):
        found.append((_clean(package).rpartition("/")[0], "hatch's wheel packages"))
    packages = dig(tool, "poetry", "packages")
    for package in packages if isinstance(packages, list) else ():
        where = dig(package, "from")
        if isinstance(where, str):
            found.append((where, "poetry's packages"))
    return found


def _declared_in_setup_cfg(tree: Tree, base: str) -> list[tuple[str, str]]:
    content = tree.read(f"{base}/setup.cfg" if base else "setup.cfg")
    if not content:
        return []
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(content.decode("utf-8", "replace"))
    except configparser.Error:
        return []
    where = parser.get("options.packages.find", "where", fallback="")
    roots = [line.strip() for line in where.splitlines() if line.strip()]
    for line in parser.get("options", "package_dir", fallback="").splitlines():
        package, _, folder = line.partition("=")
        if folder and not package.strip():
            roots.append(folder.strip())
    return [(root, "setup.cfg") for root in roots]


def _clean(path: str) -> str:
    return "/".join(part for part in path.split("/") if part not in ("", "."))
