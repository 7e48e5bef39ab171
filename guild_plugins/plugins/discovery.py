"""Scopes as Guild finds them by itself."""

from __future__ import annotations

from functools import partial

from guild_plugins.graph.reading import read_imports
from guild_plugins.scopes.discovery import Discovered, discover
from guild_plugins.scopes.tree import Tree
from guild_plugins.stages.hookspecs import hookimpl


@hookimpl(trylast=True)
def guild_discover_scopes(tree: Tree) -> Discovered:
    """Find workspace members, packages, tests, documentation and tools."""
    return discover(tree, partial(_imports_of, tree))


def _imports_of(tree: Tree, path: str) -> set[str] | None:
    content = tree.read(path)
    return set(read_imports(content).modules) if content is not None else None
