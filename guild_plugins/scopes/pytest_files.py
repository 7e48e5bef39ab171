"""Whether and how a directory configures pytest. Pure, given a tree."""

from __future__ import annotations

import configparser

from guild_plugins.scopes.tree import Tree
from guild_plugins.scopes.workspace import dig, read_toml

OWN_FILES = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini")
SECTIONS = {"tox.ini": "pytest", "setup.cfg": "tool:pytest"}


def is_configured(tree: Tree, folder: str = "") -> bool:
    """Say whether pytest would take this directory's configuration for its own."""
    prefix = f"{folder}/" if folder else ""
    if any(tree.read(prefix + name) is not None for name in OWN_FILES):
        return True
    tool = dig(read_toml(tree, f"{prefix}pyproject.toml"), "tool", "pytest")
    if tool is not None:
        return True
    return any(_section(tree, prefix + name, s) is not None for name, s in SECTIONS.items())


def uses_importlib(tree: Tree, folder: str = "") -> bool:
    """Say whether the directory's options ask for ``--import-mode=importlib``."""
    words = _said(tree, folder, "addopts")
    return "import-mode=importlib" in " ".join(words).replace(
        "import-mode importlib", "import-mode=importlib"
    )


def python_paths(tree: Tree, folder: str = "") -> list[str]:
    """Return the folders that the directory's options put on the path, as written there."""
    return " ".join(_said(tree, folder, "pythonpath")).split()


def python_files(tree: Tree, folder: str = "") -> list[str]:
    """Return what the directory's options say that test files are called; nothing by default."""
    return " ".join(_said(tree, folder, "python_files")).split()


def _said(tree: Tree, folder: str, option: str) -> list[str]:
    """Return what a directory's files say of an option; lists are joined."""
    prefix = f"{folder}/" if folder else ""
    tool = dig(read_toml(tree, f"{prefix}pyproject.toml"), "tool", "pytest")
    said = [dig(tool, option), dig(tool, "ini_options", option)]
    for name in ("pytest.toml", ".pytest.toml"):
        said.append(dig(read_toml(tree, prefix + name), "pytest", option))
    for name in ("pytest.ini", ".pytest.ini"):
        said.append((_section(tree, prefix + name, "pytest") or {}).get(option))
    for name, section in SECTIONS.items():
        said.append((_section(tree, prefix + name, section) or {}).get(option))
    return [" ".join(map(str, s)) if isinstance(s, list) else str(s or "") for s in said]


def _section(tree: Tree, path: str, name: str) -> dict[str, str] | None:
    content = tree.read(path)
    if not content:
        return None
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(content.decode("utf-8", "replace"))
    except configparser.Error:
        return None
    return dict(parser.items(name)) if parser.has_section(name) else None
