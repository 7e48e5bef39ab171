"""The imports of a file, whichever way is quicker and right."""

from __future__ import annotations

from guild_plugins.graph.imports import FileImports
from guild_plugins.graph.parsing import parse_imports
from guild_plugins.graph.scanning import scan_imports

VERSION = 1
"""Raised whenever the same content would give other imports: what was kept is read anew then."""


def read_imports(source: bytes) -> FileImports:
    """Return what a file imports; a file that cannot be read gives problems, no exception."""
    found = scan_imports(source)
    return found if found is not None else parse_imports(source)
