"""The members of a workspace: projects inside the project.

Pure, given a tree. Read are the lists of uv, hatch, poetry (path dependencies),
pants and nx; without a list, several nested projects are one as well.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

from guild_plugins.scopes.folders import Folder
from guild_plugins.scopes.globs import Glob, parse_glob
from guild_plugins.scopes.kinds import ASIDE_OF, PROJECT_FILES, is_tests
from guild_plugins.scopes.tree import Tree

Table: TypeAlias = Mapping[str, Any]
"""What a TOML or JSON file says, as read."""

NESTED_DEPTH = 4


def read_toml(tree: Tree, path: str) -> Table:
    """Return what a TOML file says; nothing where it cannot be read."""
    try:
        return tomllib.loads((tree.read(path) or b"").decode("utf-8", "replace"))
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def dig(table: object, *keys: str) -> Any:
    """Return what lies under the keys, ``None`` where a step is missing or no table."""
    for key in keys:
        if not isinstance(table, Mapping):
            return None
        table = table.get(key)
    return table


def strings(value: object) -> list[str]:
    """Return the strings of a list, or a lone string as a list; nothing for anything else."""
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def members_of(tree: Tree, folders: Folder, root: Table) -> dict[str, str]:
    """Return the directory of each member, with the evidence for it.

    :param root: What the root's ``pyproject.toml`` says.
    """
    projects = {
        folder.path: next(name for name in PROJECT_FILES if name in folder.files)
        for folder in folders.below()
        if folder.path and any(name in folder.files for name in PROJECT_FILES)
    }
    members: dict[str, str] = {}
    for where, patterns, excluded in _listed(tree, root):
        for path in _matching((f.path for f in folders.below() if f.path), patterns, excluded):
            if path in projects or (where == "nx.json" and _has_project_json(folders, path)):
                members.setdefault(path, f"a member by {where}, with its own project file")
    if not members:
        nested = {p: name for p, name in projects.items() if _is_nested(folders, p)}
        if len(nested) > 1:
            members = {p: f"one of {len(nested)} projects, by {p}/{n}" for p, n in nested.items()}
    return dict(sorted(members.items()))


def nested_projects(folders: Folder) -> list[str]:
    """Return the directories inside the root that are projects by their own project file."""
    return [
        folder.path
        for folder in folders.below()
        if any(name in folder.files for name in PROJECT_FILES) and _is_nested(folders, folder.path)
    ]


@dataclass(frozen=True, slots=True)
class Declared:
    """What a member says of itself; names are normalised.

    :param needs: Distributions that it needs to run.
    :param extras: Those that only an extra or a group for development needs.
    """

    name: str
    needs: frozenset[str]
    extras: frozenset[str]


def declared_by(tree: Tree, member: str) -> Declared:
    """Return a member's distribution name and all that it declares to need."""
    table = read_toml(tree, f"{member}/pyproject.toml")
    name = dig(table, "project", "name") or dig(table, "tool", "poetry", "name")
    own = name if isinstance(name, str) else member.rpartition("/")[2]
    needs = strings(dig(table, "project", "dependencies"))
    needs += _keys(dig(table, "tool", "poetry", "dependencies"))
    extras: list[str] = []
    for groups in (dig(table, "project", "optional-dependencies"), table.get("dependency-groups")):
        if isinstance(groups, Mapping):
            extras += [item for group in groups.values() for item in strings(group)]
    extras += strings(dig(table, "tool", "uv", "dev-dependencies"))
    extras += _keys(dig(table, "tool", "poetry", "dev-dependencies"))
    poetry = dig(table, "tool", "poetry", "group")
    if isinstance(poetry, Mapping):
        extras += [item for group in poetry.values() for item in _keys(dig(group, "dependencies"))]
    return Declared(_normal(own), frozenset(map(_normal, needs)), frozenset(map(_normal, extras)))


def _keys(table: object) -> list[str]:
    return [str(key) for key in table] if isinstance(table, Mapping) else []


def _listed(tree: Tree, root: Table) -> list[tuple[str, list[str], list[str]]]:
    """Return each list of members: where it stands, its patterns, what it leaves out."""
    uv = dig(root, "tool", "uv", "workspace")
    found = [("[tool.uv.workspace]", strings(dig(uv, "members")), strings(dig(uv, "exclude")))]
    hatch = dig(root, "tool", "hatch")
    for table in (dig(hatch, "workspace"), *_environments(hatch)):
        members = dig(table, "members")
        paths = [m if isinstance(m, str) else dig(m, "path") for m in members or ()]
        found.append(("hatch's workspace", strings(paths), strings(dig(table, "exclude"))))
    poetry = dig(root, "tool", "poetry")
    groups = dig(poetry, "group")
    tables = [dig(poetry, "dependencies"), dig(poetry, "dev-dependencies")]
    if isinstance(groups, Mapping):
        tables += [dig(group, "dependencies") for group in groups.values()]
    paths = [
        path
        for table in tables
        if isinstance(table, Mapping)
        for path in [dig(wanted, "path") for wanted in table.values()]
        if isinstance(path, str)
    ]
    found.append(("a poetry path dependency", paths, []))
    pants = dig(read_toml(tree, "pants.toml"), "source", "root_patterns")
    found.append(("pants.toml's root_patterns", strings(pants), []))
    packages = dig(_read_json(tree, "package.json"), "workspaces")
    listed = strings(packages) or strings(dig(packages, "packages"))
    if tree.read("nx.json") is not None:
        found.append(("nx.json", listed or ["**"], ["**/node_modules"]))
    return [entry for entry in found if entry[1]]


def _environments(hatch: object) -> list[object]:
    environments = dig(hatch, "envs")
    if not isinstance(environments, Mapping):
        return []
    return [dig(environment, "workspace") for environment in environments.values()]


def _matching(paths: Iterable[str], patterns: list[str], excluded: list[str]) -> list[str]:
    wanted, unwanted = _globs(patterns), _globs(excluded)
    return [
        path
        for path in paths
        if any(_names(glob, path) for glob in wanted)
        and not any(_names(glob, path) for glob in unwanted)
    ]


def _globs(patterns: list[str]) -> list[Glob]:
    globs = []
    for pattern in patterns:
        with suppress(ValueError):
            globs.append(parse_glob(pattern.strip("/")))
    return globs


def _names(glob: Glob, path: str) -> bool:
    """Say whether a pattern names a directory itself, not only one above it."""
    if not glob.matches(path):
        return False
    return "**" in glob.pattern or not glob.matches(path.rpartition("/")[0])


def _is_nested(folders: Folder, path: str) -> bool:
    """Say whether a project is one of ours: not a fixture, an example or documentation."""
    names = path.split("/")
    if not path or len(names) > NESTED_DEPTH:
        return False
    if any(is_tests(name) or name in ASIDE_OF or name.startswith((".", "_")) for name in names):
        return False
    inside_package = any(
        "__init__.py" in (above.files if above else ())
        for above in (folders.at("/".join(names[:i])) for i in range(1, len(names) + 1))
    )
    folder = folders.at(path)
    return not inside_package and folder is not None and folder.count > 0


def _has_project_json(folders: Folder, path: str) -> bool:
    folder = folders.at(path)
    return folder is not None and bool({"project.json", "package.json"} & set(folder.files))


def _read_json(tree: Tree, path: str) -> object:
    try:
        return json.loads(tree.read(path) or b"{}")
    except (ValueError, RecursionError):
        return {}


def _normal(requirement: str) -> str:
    """Return a requirement's distribution name as indexes compare it."""
    name = re.match(r"\s*([A-Za-z0-9._-]*)", requirement)
    return re.sub(r"[-_.]+", "-", name.group(1)).lower() if name else ""
