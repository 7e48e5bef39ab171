"""Which scope a test belongs to: by its name, then by what it imports.

Pure. Concerned are tests that lie outside the scopes they test: ``tests/auth``
for ``src/app/auth``, ``pkg/tests/test_core.py`` for ``pkg/core``. Tests inside
their own scope need no placing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass

from guild_plugins.scopes.balance import Limits, Unit
from guild_plugins.scopes.folders import Folder
from guild_plugins.scopes.kinds import (
    TEST_LEVELS,
    is_part,
    is_test_file,
    is_tests,
    subject_of,
)

ImportsOf = Callable[[str], "set[str] | None"]
"""Returns the dotted modules that a file imports; ``None`` where that is not known."""

MAJORITY = 0.6


@dataclass(frozen=True, slots=True)
class Placed:
    """A test path that belongs to a unit, and why. A unit is named by its folder's path."""

    path: str
    unit: str
    reason: str


@dataclass(slots=True)
class Placement:
    """What came of placing one folder of tests: what found its unit, and what did not."""

    placed: list[Placed]
    left_folders: list[Folder]
    left_files: list[str]


class Placer:
    """Places tests among the units of one or more source roots.

    :param units: All units, with the cost that each has so far.
    :param roots: The folders of the source roots.
    :param imports_of: Places test files that no name places.
    """

    def __init__(
        self,
        units: Sequence[Unit],
        roots: Sequence[Folder],
        limits: Limits,
        imports_of: ImportsOf | None = None,
    ) -> None:
        self._units = {unit.folder.path: unit for unit in units}
        self._homes = {f.path: unit.folder.path for unit in units for f in unit.folders}
        self._costs = {path: _own_cost(unit, self._homes) for path, unit in self._units.items()}
        self._roots = roots
        self._limits = limits
        self._imports_of = imports_of
        self._named: dict[str, list[tuple[str, str]]] = {}
        for root in roots:
            self._index(root)

    def place(self, tests: Folder, context: Sequence[Folder] | None = None) -> Placement:
        """Place what is in a folder of tests; ``context`` are the folders it may be about."""
        result = Placement([], [], [])
        self._place(tests, tuple(context or self._roots), result)
        if self._imports_of is not None:
            self._place_by_imports(result, self._imports_of)
        return result

    def unit_of(self, path: str) -> str | None:
        """Return the unit that a path lies in, by its folder's path."""
        while path:
            if path in self._homes:
                return self._homes[path]
            path = path.rpartition("/")[0]
        return None

    def _place(self, tests: Folder, context: tuple[Folder, ...], result: Placement) -> None:
        for name, folder in tests.folders.items():
            if not folder.count:
                continue
            if name in TEST_LEVELS:
                self._place(folder, context, result)
                continue
            split_in = self._split_folder(name, context)
            if split_in is not None:
                self._place(folder, (split_in,), result)
                continue
            found = self._find_folder(name, context)
            if found is None or not self._take(found[0], folder.cost, is_weak=_is_module(found[1])):
                result.left_folders.append(folder)
            else:
                result.placed.append(Placed(folder.path, found[0], f"named like {found[1]}"))
        for name in tests.files:
            if not is_test_file(name):
                continue
            found = self._find_subject(subject_of(name), context)
            path = tests.path_of(name)
            if found is None:
                result.left_files.append(path)
            else:
                result.placed.append(Placed(path, found[0], f"named like {found[1]}"))

    def _take(self, unit: str, cost: int, *, is_weak: bool) -> bool:
        """Add a folder's cost to a unit, unless the evidence is weak and the sum too much."""
        total = self._costs[unit] + cost
        if is_weak and total > self._limits.upper:
            return False
        self._costs[unit] = total
        return True

    def _split_folder(self, name: str, context: Iterable[Folder]) -> Folder | None:
        """Return the folder of that name whose parts are units of their own."""
        for folder in context:
            below = folder.folders.get(name)
            if below is not None and any(u.startswith(below.path + "/") for u in self._homes):
                return below
        return None

    def _find_folder(self, name: str, context: tuple[Folder, ...]) -> tuple[str, str] | None:
        """Find what a folder of tests is about; a unit of that name comes first."""
        near = self._near(name, context)
        if near is not None and near[0] == near[1]:
            return near
        whole = self._far(name, context, whole=True)
        return whole or near or self._far(name, context, folders=True)

    def _find_subject(self, subject: str, context: tuple[Folder, ...]) -> tuple[str, str] | None:
        """Find what a test file is about; ``auth_login`` may be about the folder ``auth``."""
        found = self._near(subject, context) or self._far(subject, context)
        while found is None and "_" in subject:
            subject = subject.rpartition("_")[0]
            if subject:
                found = self._near(subject, context) or self._far(subject, context, whole=True)
        return found

    def _near(self, name: str, context: tuple[Folder, ...]) -> tuple[str, str] | None:
        """Return the unit of what lies directly in the context under a name, and its path."""
        for folder in context:
            for near in (*_variants(name), f"{name}.py"):
                if near in folder.folders or near in folder.files:
                    path = folder.path_of(near)
                    unit = self.unit_of(path)
                    if unit is not None:
                        return unit, path
        return None

    def _far(
        self,
        name: str,
        context: tuple[Folder, ...],
        *,
        whole: bool = False,
        folders: bool = False,
    ) -> tuple[str, str] | None:
        """Return the one unit that has a name anywhere in the context, and what has it.

        A folder that is a unit itself comes before folders and modules in units.

        :param whole: Units alone will do.
        :param folders: Units and folders alone will do.
        """
        prefixes = tuple(f"{folder.path}/" if folder.path else "" for folder in context)
        found = [
            (unit, path)
            for variant in _variants(name)
            for unit, path in self._named.get(variant, ())
            if path.startswith(prefixes) and not (folders and _is_module(path))
        ]
        units = [(unit, path) for unit, path in found if unit == path]
        for candidates in (units, () if whole else found):
            if candidates and len({unit for unit, _ in candidates}) == 1:
                return candidates[0]
        return None

    def _index(self, root: Folder) -> None:
        """Note each folder and module below a root by name, without tests."""
        waiting = [folder for folder in root.folders.values() if folder.path in self._homes]
        waiting += [f for f in root.folders.values() if f not in waiting and is_part(f.name)]
        while waiting:
            folder = waiting.pop()
            unit = self.unit_of(folder.path)
            if unit is not None:
                self._named.setdefault(folder.name, []).append((unit, folder.path))
                for name in folder.python_files():
                    stem = name.removesuffix(".py")
                    if not is_test_file(name):
                        self._named.setdefault(stem, []).append((unit, folder.path_of(name)))
            waiting.extend(f for f in folder.folders.values() if f.count and is_part(f.name))

    def _place_by_imports(self, result: Placement, imports_of: ImportsOf) -> None:
        """Place what names left: a file, or a whole folder, that mostly imports one unit."""
        folders, files = result.left_folders, result.left_files
        result.left_folders, result.left_files = [], []
        for path in files:
            unit = self._favourite([path], imports_of)
            if unit is None:
                result.left_files.append(path)
            else:
                result.placed.append(Placed(path, unit, f"imports mostly {unit}"))
        for folder in folders:
            modules = [
                below.path_of(name)
                for below in folder.below()
                for name in below.files
                if is_test_file(name)
            ]
            unit = self._favourite(modules, imports_of)
            if unit is None or not self._take(unit, folder.cost, is_weak=True):
                result.left_folders.append(folder)
            else:
                result.placed.append(Placed(folder.path, unit, f"imports mostly {unit}"))

    def _favourite(self, files: Sequence[str], imports_of: ImportsOf) -> str | None:
        """Return the unit that at least half of the files and most imports speak for.

        A unit that was split does not count: everything imports the package itself.
        """
        votes: Counter[str] = Counter()
        for path in files:
            units = {self._unit_of_module(module) for module in imports_of(path) or ()}
            named = {u for u in units if u is not None and not self._units[u].is_split}
            votes.update(named)
        if not votes:
            return None
        (unit, most), *_ = votes.most_common(1)
        is_clear = most > MAJORITY * sum(votes.values()) and most * 2 >= len(files)
        return unit if is_clear else None

    def _unit_of_module(self, module: str) -> str | None:
        for root in self._roots:
            path = root.path_of(module.replace(".", "/"))
            unit = self.unit_of(path)
            if unit is not None:
                return unit
        return None


def _variants(name: str) -> tuple[str, str]:
    """Return a name, and the same in the plural or the singular."""
    return name, name[:-1] if name.endswith("s") else f"{name}s"


def _is_module(path: str) -> bool:
    return path.endswith(".py")


def _own_cost(unit: Unit, units: Container[str]) -> int:
    """Return a unit's cost without the units and the tests below it."""
    cost = sum(folder.own for folder in unit.folders)
    waiting = [below for folder in unit.folders for below in folder.folders.values()]
    while waiting:
        folder = waiting.pop()
        if folder.path not in units and not (unit.is_split and is_tests(folder.name)):
            cost += folder.own
            waiting.extend(folder.folders.values())
    return cost
