"""A project's files as a tree of folders, with what each costs to work on.

Pure. The cost of a folder is the Python in it: bytes, and a little for each
file, so that small files count and sizes may be unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

PER_FILE = 400
"""What a Python file costs beside its bytes."""


@dataclass(slots=True, eq=False)
class Folder:
    """A directory: its files by name, its folders by name, and sums over all below it."""

    path: str
    name: str
    folders: dict[str, Folder] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    own: int = 0
    """The cost of the Python files that lie directly in it."""
    cost: int = 0
    count: int = 0
    """How many Python files lie in and below it."""
    total: int = 0
    """How many files of any kind lie in and below it."""

    def at(self, path: str) -> Folder | None:
        """Return the folder with a path relative to this one; ``None`` where there is none."""
        folder: Folder | None = self
        for name in path.split("/") if path else ():
            folder = folder.folders.get(name) if folder else None
        return folder

    def below(self) -> Iterator[Folder]:
        """Yield this folder and all below it, parents first."""
        waiting = [self]
        while waiting:
            folder = waiting.pop()
            yield folder
            waiting.extend(reversed(folder.folders.values()))

    def path_of(self, name: str) -> str:
        """Return the path of a file or folder in this one."""
        return f"{self.path}/{name}" if self.path else name

    def python_files(self) -> list[str]:
        """Return the names of the Python files that lie directly in it."""
        return [name for name in self.files if name.endswith(".py")]


def fold(files: Iterable[str], size: Callable[[str], int]) -> Folder:
    """Build the tree of the files' folders, names in order."""
    root = Folder("", "")
    by_path = {"": root}
    for path in sorted(files):
        parent, _, name = path.rpartition("/")
        folder = by_path.get(parent) or _make(by_path, parent)
        folder.files.append(name)
        folder.total += 1
        if name.endswith(".py"):
            folder.own += size(path) + PER_FILE
            folder.count += 1
    # A folder is made after its parent, so the sums run backwards.
    for folder in reversed(by_path.values()):
        folder.cost += folder.own
        if folder.path:
            parent_folder = by_path[folder.path.rpartition("/")[0]]
            parent_folder.cost += folder.cost
            parent_folder.count += folder.count
            parent_folder.total += folder.total
    return root


def _make(by_path: dict[str, Folder], path: str) -> Folder:
    """Make a folder and those above it that are missing."""
    missing = []
    while path not in by_path:
        missing.append(path)
        path = path.rpartition("/")[0]
    folder = by_path[path]
    for below in reversed(missing):
        name = below.rpartition("/")[2]
        folder.folders[name] = by_path[below] = Folder(below, name)
        folder = by_path[below]
    return folder
