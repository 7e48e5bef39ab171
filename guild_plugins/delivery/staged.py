"""The project as it is staged: its configuration and scopes, read from an index."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from types import TracebackType

from guild_plugins.git.index import Index
from guild_plugins.git.process import git_environment
from guild_plugins.scopes.project import Project, load_project


class StagedTree:
    """The files of an index, as discovery and configuration read them (`scopes.tree.Tree`).

    To be used as a context: one git process answers for all files.
    """

    def __init__(self, index: Index) -> None:
        self._top = index.top
        self._objects = {path: oid for path, (_, oid) in index.entries().items()}
        self._sizes: dict[str, int] = {}

    def __enter__(self) -> StagedTree:
        self._process = subprocess.Popen(
            ["git", "cat-file", "--batch"],
            cwd=self._top,
            env=git_environment(os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.communicate()

    @property
    def files(self) -> Sequence[str]:
        """The paths, sorted."""
        return sorted(self._objects)

    def read(self, path: str) -> bytes | None:
        """Return a file's content; ``None`` where there is none."""
        oid = self._objects.get(path)
        stdin, stdout = self._process.stdin, self._process.stdout
        if oid is None or stdin is None or stdout is None:
            return None
        stdin.write(f"{oid}\n".encode())
        stdin.flush()
        head = stdout.readline().split()
        if head[1:2] != [b"blob"]:
            if len(head) == 3:
                stdout.read(int(head[2]) + 1)
            return None  # a submodule's commit, or an object that is missing
        return stdout.read(int(head[2]) + 1)[:-1]

    def size(self, path: str) -> int:
        """Return a file's size in bytes."""
        return len(self.read(path) or b"")


def staged_project(index: Index) -> Project:
    """Return the scopes as the staged files have them.

    :raises ConfigInvalid: The staged configuration cannot be used.
    """
    with StagedTree(index) as tree:

        def imports_of(path: str) -> set[str] | None:
            # Imported where scopes are discovered: a hook with a configuration does without.
            from guild_plugins.graph.reading import read_imports

            content = tree.read(path)
            return set(read_imports(content).modules) if content is not None else None

        return load_project(index.top, tree.files, imports_of=imports_of, tree=lambda _: tree)
