"""What a repository and the environment hold now: the words that inputs are compared with."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from guild_plugins.git.trees import LINK, Tree
from guild_plugins.graph.closures import word_of
from guild_plugins.graph.imports import Import
from guild_plugins.graph.modules import Modules
from guild_plugins.suites.kept.records import InputKind


class Present:
    """The state of one work tree.

    :param words: The words of its Python files, by path (see `graph.closures`).
    :param environ: The variables that tests are started with.
    """

    def __init__(
        self,
        top: Path,
        tree: Tree,
        words: Mapping[str, str],
        roots: tuple[str, ...],
        environ: Mapping[str, str],
    ) -> None:
        self.top, self.tree, self.words = top, tree, words
        self._roots, self._environ = roots, environ
        self._known: dict[tuple[InputKind, str], str] = {}

    def identify(self, kind: InputKind, what: str) -> str:
        """Return a word for what an input is now; empty where there is none."""
        key = (kind, what)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._identify(kind, what)
        return known

    def _identify(self, kind: InputKind, what: str) -> str:
        if kind == "closure":
            return self.words.get(what, "")
        if kind == "file":
            return self._file(what)
        if kind == "folder":
            return self._folder(what)
        if kind == "place":
            return self._place(what)
        if kind == "variable":
            value = self._environ.get(what)
            return "" if value is None else word_of(f"{what}={value}")
        path, _, name = what.rpartition(" ")
        files = self.modules.find(path, Import(name, (), 0)).files
        return word_of("\n".join(self.words.get(file, "") for file in files)) if files else ""

    def _file(self, path: str) -> str:
        entry = self.tree.entries.get(path)
        if entry is None:
            return self._digest(path)
        said = f"{entry.mode:o} {entry.oid}"
        return f"{said} {self._digest(path)}" if entry.mode == LINK else said

    def _digest(self, path: str) -> str:
        """Return a word for what opening a path would read."""
        try:
            with (self.top / path).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()[:32]
        except (OSError, ValueError):
            return ""

    def _place(self, path: str) -> str:
        try:
            mode = (self.top / path).stat().st_mode
        except (OSError, ValueError):
            return ""
        return f"{stat.S_IFMT(mode):o}"

    def _folder(self, path: str) -> str:
        names = self._children.get(path)
        if names is None:
            try:
                names = set(os.listdir(self.top / path))  # noqa: PTH208 - names are enough
            except OSError:
                return ""
            names.discard("__pycache__")
        return word_of("\0".join(sorted(names)))

    @cached_property
    def _children(self) -> dict[str, set[str]]:
        """The names in each folder of the tree: files and folders."""
        children: dict[str, set[str]] = {}
        for path in self.tree.entries:
            folder, _, name = path.rpartition("/")
            while name not in children.setdefault(folder, set()):
                children[folder].add(name)
                if not folder:
                    break
                folder, _, name = folder.rpartition("/")
        return children

    @cached_property
    def modules(self) -> Modules:
        """The modules of the tree."""
        return Modules(self.tree.entries, self._roots)
