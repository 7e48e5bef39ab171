"""Stops a run that would test another checkout than the one it stands in.

An editable install names one work tree. In another work tree of the same
repository pytest then imports the first one's code, and says that all is well.
Here the modules that the tree under test owns are compared with those that were
really loaded.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NO_PACKAGES: Final = frozenset(
    {"tests", "test", "testing", "docs", "doc", "examples", "example", "benchmarks", "scripts"}
)
"""Directories that many projects have under the same name; nobody installs them."""

NO_MODULES: Final = frozenset({"setup", "conftest", "noxfile", "tasks", "manage", "versioneer"})

SOURCE_FOLDERS: Final = ("", "src", "lib", "python")
"""Where, in a project's directory, packages lie."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A module of the tree that was loaded from elsewhere."""

    name: str
    loaded: str
    expected: str

    def __str__(self) -> str:
        return (
            f"import guard: {self.name} was imported from\n    {self.loaded}\n"
            f"but the tree under test has it at\n    {self.expected}\n"
            "This run would test the other copy. Install the tree under test "
            "(pip install -e .) in this environment,\n"
            "or set guild_import_guard = repair to put the tree first on sys.path, "
            "or guild_import_guard = off to go on."
        )


def owned_modules(root: Path, projects: Iterable[str] = ()) -> dict[str, str]:
    """Return the top-level modules that a tree owns, with the path of each.

    :param root: The root of the tree.
    :param projects: Directories of further projects in it, relative to ``root``.
    """
    owned: dict[str, str] = {}
    for project in ("", *projects):
        for folder in SOURCE_FOLDERS:
            for name, path in _modules_in(root / project / folder):
                owned.setdefault(name, path)
    return owned


def _modules_in(folder: Path) -> Iterator[tuple[str, str]]:
    try:
        with os.scandir(folder) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except OSError:
        return
    if any(entry.name == "__init__.py" for entry in entries):
        return  # a package itself, not a place for packages
    for entry in entries:
        name, extension = os.path.splitext(entry.name)
        if extension == ".py" and name.isidentifier() and name not in NO_MODULES:
            if not name.startswith("test_"):
                yield name, entry.path
        elif entry.name.isidentifier() and entry.name not in NO_PACKAGES:
            init = os.path.join(entry.path, "__init__.py")
            if os.path.isfile(init):
                yield entry.name, init


class Guard:
    """Looks at what was imported since it last looked.

    :param root: The root of the tree under test.
    :param owned: Its top-level modules, with the path of each.
    """

    def __init__(self, root: str, owned: Mapping[str, str]) -> None:
        self._root = Path(root)
        self._unseen = dict(owned)

    def look(self) -> Foreign | None:
        """Return a module that was loaded from elsewhere than the tree, if there is one.

        A copy with the same content tests the same code and is let be: so a suite
        that runs against its own freshly installed wheel is not stopped.
        """
        for name in [name for name in self._unseen if name in sys.modules]:
            path = self._unseen.pop(name)
            loaded = _loaded_from(name)
            if loaded is None or self._is_ours(Path(loaded)) or _same_sources(loaded, path):
                continue
            return Foreign(name, loaded, path)
        return None

    def _is_ours(self, loaded: Path) -> bool:
        """Tell whether a file is of this tree: not of an environment or a checkout within it."""
        loaded = Path(os.path.realpath(loaded))
        root = Path(os.path.realpath(self._root))
        if not loaded.is_relative_to(root):
            return False
        between = [root / part for part in loaded.relative_to(root).parents if part.parts]
        return not any(
            folder.name in ("site-packages", "dist-packages") or (folder / ".git").exists()
            for folder in between
        )


def _loaded_from(name: str) -> str | None:
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    return file if file and os.path.isfile(file) else None


def _same_sources(loaded: str, path: str) -> bool:
    """Tell whether an installed copy has the tree's content: every module that is loaded."""
    if "site-packages" not in Path(loaded).parts and "dist-packages" not in Path(loaded).parts:
        return False  # another checkout: its files may be alike today and differ tomorrow
    if os.path.basename(path) != "__init__.py":
        return _same_content(loaded, path)
    copy, tree = Path(loaded).parent, Path(path).parent
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and file.endswith(".py") and Path(file).is_relative_to(copy):
            original = tree / Path(file).relative_to(copy)
            # What the build made (a version file) is in the copy alone.
            if original.is_file() and not _same_content(file, str(original)):
                return False
    return True


def _same_content(first: str, second: str) -> bool:
    try:
        return Path(first).read_bytes() == Path(second).read_bytes()
    except OSError:
        return False


def put_first(owned: Mapping[str, str]) -> None:
    """Put the directories that hold the tree's modules first on ``sys.path``."""
    folders = dict.fromkeys(
        os.path.dirname(os.path.dirname(path) if path.endswith("__init__.py") else path)
        for path in owned.values()
    )
    sys.path[:0] = [folder for folder in folders if folder not in sys.path[:1]]
