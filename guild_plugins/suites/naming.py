"""Which files hold tests, by name alone.

Pure: pytest's own rules (``python_files``, ``--doctest-modules``,
``--doctest-glob``) on a path, without importing or opening it. A worker may
still find nothing in such a file, and a plugin may find tests in another.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest


@dataclass(frozen=True)
class Candidates:
    """The rules by which pytest's own collectors pick files.

    :param names: Matches the base name of a file.
    :param paths: Glob patterns with a slash; they match the end of a path.
    :param explicit: Files named on the command line; their names do not matter.
    """

    names: re.Pattern[str]
    paths: tuple[str, ...] = ()
    explicit: frozenset[Path] = frozenset()

    @classmethod
    def of(
        cls,
        config: pytest.Config,
        explicit: frozenset[Path] = frozenset(),
        python_files: Sequence[str] | None = None,
    ) -> Self:
        """Read the rules from a pytest configuration.

        :param python_files: In place of the configuration's own.
        """
        patterns = config.getini("python_files") if python_files is None else python_files
        python = [pattern for pattern in patterns if "/" not in pattern]
        globs: list[str] = list(config.getoption("doctestglob", None) or ["test*.txt"])
        everything = ["*.py"] if config.getoption("doctestmodules", False) else []
        texts = [*everything, *(glob for glob in globs if "/" not in glob)]
        # pytest looks at ``python_files`` in .py files only
        modules = [rf"(?=.*\.py\Z){_translate(pattern)}" for pattern in python]
        alternatives = "|".join([*modules, *map(_translate, texts)]) or r"(?!)"
        paths = tuple(p for p in (*patterns, *globs) if "/" in p)
        return cls(re.compile(alternatives), paths, explicit)

    def matches(self, path: str, name: str) -> bool:
        """Tell whether the file may hold tests.

        :param path: Absolute path.
        :param name: Its last part.
        """
        if self.names.match(name):
            return True
        if self.paths and any(fnmatch.fnmatch(path, f"*{os.sep}{p}") for p in self.paths):
            return True
        return bool(self.explicit) and Path(path) in self.explicit

    def matches_path(self, path: Path) -> bool:
        """As ``matches``, for a ``Path``."""
        return self.matches(str(path), path.name)


def ignored_directory(patterns: Sequence[str]) -> re.Pattern[str]:
    """Return the pattern of directory names in which pytest does not look.

    :param patterns: ``norecursedirs``, those without a slash.
    """
    names = ["__pycache__", *(p for p in patterns if "/" not in p)]
    return re.compile("|".join(_translate(name) for name in names))


def _translate(pattern: str) -> str:
    return f"(?:{fnmatch.translate(pattern)})"
