"""A project's files, as discovery and configuration read them.

Content is asked for by path, so the same code can answer for a work tree, a
commit or an index. Reading runs nothing from the project.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from guild_plugins.git import trees as git
from guild_plugins.git.repository import find_repository, list_files

MAX_FILES = 200_000
SKIPPED = frozenset(
    {"__pycache__", "node_modules", "site-packages", "dist-packages", "build", "dist", "venv"}
)


class Tree(Protocol):
    """A snapshot of a project's files."""

    @property
    def files(self) -> Sequence[str]:
        """The files' paths, relative to the root, with ``/``."""

    def read(self, path: str) -> bytes | None:
        """Return a file's content; ``None`` where there is no such file."""

    def size(self, path: str) -> int:
        """Return a file's size in bytes; 0 where there is no such file."""


class DiskTree:
    """The files below a directory, as they are now.

    ``files`` are those to speak of, which may be only some of what is there.
    """

    def __init__(self, root: Path, files: Sequence[str]) -> None:
        self.root = root
        self.files = files
        self._base = f"{root}{os.sep}"

    def read(self, path: str) -> bytes | None:
        """Return a file's content; ``None`` where it cannot be read."""
        try:
            return (self.root / path).read_bytes()
        except OSError:
            return None

    def size(self, path: str) -> int:
        """Return a file's size in bytes; 0 where there is no such file."""
        try:
            return os.stat(self._base + path).st_size  # noqa: PTH116 - twice as quick
        except (OSError, ValueError):
            return 0


class SnapshotTree:
    """The files of a commit, an index or another of git's trees."""

    def __init__(self, tree: git.Tree) -> None:
        self._tree = tree
        self._sizes: dict[str, int] | None = None

    @property
    def files(self) -> Sequence[str]:
        """The files' paths, submodules left out."""
        return [path for path, entry in self._tree.entries.items() if entry.mode != git.SUBMODULE]

    def read(self, path: str) -> bytes | None:
        """Return a file's content; ``None`` where there is none."""
        return git.read_path(self._tree, path)

    def size(self, path: str) -> int:
        """Return a file's size in bytes; 0 where there is no such file."""
        if self._sizes is None:  # whoever asks for one asks for all
            oids = {entry.oid for entry in self._tree.entries.values()}
            self._sizes = {oid: len(content) for oid, content in self._tree.read(oids)}
        entry = self._tree.entries.get(path)
        return self._sizes.get(entry.oid, 0) if entry is not None else 0


def files_below(root: Path) -> list[str]:
    """List the project's files: what git tracks or does not ignore, else what a walk finds.

    Nothing is listed where a walk would be senseless: at the file system's
    root, in a home directory, and where Python installs packages.
    """
    if find_repository(root) is not None:
        return list_files(root)
    if root == Path(root.anchor) or root == Path.home() or root.name in SKIPPED:
        return []
    return [path for path, _ in zip(_walk(root), range(MAX_FILES), strict=False)]


def _walk(root: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not _is_skipped(folder, name))
        place = os.path.relpath(folder, root).replace(os.sep, "/")
        prefix = "" if place == "." else f"{place}/"
        for name in sorted(names):
            if not name.endswith((".pyc", ".pyo", ".so", ".pyd")):
                yield prefix + name


def _is_skipped(folder: str, name: str) -> bool:
    if name in SKIPPED or name.endswith(".egg-info"):
        return True
    if name.startswith("."):
        return name not in (".github", ".gitlab", ".circleci", ".ci")
    return Path(folder, name, "pyvenv.cfg").exists()
