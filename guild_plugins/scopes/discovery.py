"""Scopes found without configuration, each line with its evidence.

In this order: members of a workspace, packages and their sub-packages, tests
by name and by imports, then documentation, CI and tools; owners come from
CODEOWNERS. Pure, given a tree: nothing of the project is run. The pytest
plugin does this on every start, so it is a matter of milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from operator import attrgetter

from guild_plugins.scopes import kinds, pytest_files
from guild_plugins.scopes.balance import Limits, Unit, limits_for, split
from guild_plugins.scopes.codeowners import read_codeowners
from guild_plugins.scopes.cycles import without_circles
from guild_plugins.scopes.drafts import Draft, finish, tests_inside
from guild_plugins.scopes.folders import Folder, fold
from guild_plugins.scopes.globs import escape
from guild_plugins.scopes.layout import packages_in, source_roots
from guild_plugins.scopes.model import Evidence, Scope
from guild_plugins.scopes.placing import ImportsOf, Placed, Placement, Placer
from guild_plugins.scopes.sessions import sessions_apart
from guild_plugins.scopes.tree import Tree
from guild_plugins.scopes.workspace import (
    Declared,
    Table,
    declared_by,
    members_of,
    nested_projects,
    read_toml,
)

MANY_FILES = 5
"""A top folder without Python becomes a scope from this number of files on."""

FEW = 20
"""A top package of a single file becomes a scope where there are no more packages than this."""

MANY_TESTS = 100
"""Tests of the one package there is become scopes of their own from this number of files on."""


@dataclass(frozen=True, slots=True)
class Discovered:
    """The scopes that were found, and the paths that all of them depend on."""

    scopes: tuple[Scope, ...]
    barriers: tuple[str, ...]


def discover(tree: Tree, imports_of: ImportsOf | None = None) -> Discovered:
    """Find the scopes of a project in its files."""
    settings = read_toml(tree, "pyproject.toml")
    whole = fold(tree.files, tree.size)
    limits = limits_for(whole.cost, whole.count)
    members = members_of(tree, whole, settings)
    drafts = _member_drafts(tree, whole, members)
    rest = whole
    if members:
        rest = fold((f for f in tree.files if _member_of(f, members) is None), tree.size)

    nested = [] if members or _is_project(whole) else nested_projects(whole)
    base_path = nested[0] if len(nested) == 1 else ""
    base = rest.at(base_path) or rest
    if base_path:
        drafts += _asides(rest, skipped=base_path.split("/")[0])
        settings = read_toml(tree, f"{base_path}/pyproject.toml")
    code = _Base(tree, base, settings, limits, imports_of)
    drafts += code.drafts(base_path or None)
    drafts += _asides(base, skipped="", known=code.known)

    apart = _sessions(tree, members, base_path)
    owners = read_codeowners(tree)
    shared = [escape(path) for path in code.shared if path.isprintable()]
    return Discovered(finish(drafts, apart, owners), (*root_barriers(tree), *shared))


def root_barriers(tree: Tree) -> tuple[str, ...]:
    """Return the files in the root that everything depends on."""
    # The listing may be of the tests alone: what has a fixed name is looked for.
    names = {name for name in kinds.BARRIERS if tree.size(name)}
    names |= {path for path in tree.files if "/" not in path and kinds.is_barrier(path)}
    return tuple(sorted(names))


class _Base:
    """The code of one project, its units and its tests; ``shared`` are files that all need."""

    def __init__(
        self,
        tree: Tree,
        base: Folder,
        settings: Table,
        limits: Limits,
        imports_of: ImportsOf | None,
    ) -> None:
        self._base, self._limits = base, limits
        self._roots = source_roots(tree, base, settings)
        self._folders = [f for f in map(self._at, self._roots) if f is not None]
        self._units = self._find_units()
        self._placer = Placer(list(self._units.values()), self._folders, limits, imports_of)
        self._drafts: dict[str, Draft] = {}
        self.shared: list[str] = []
        self.known = {path.removeprefix(base.path).strip("/").split("/")[0] for path in self._units}
        self.known |= {
            path.removeprefix(base.path).strip("/").split("/")[0] for path in self._roots
        }

    def drafts(self, member: str | None) -> list[Draft]:
        """Return the drafts of all units, with the tests that belong to them."""
        for path, unit in self._units.items():
            draft = self._drafts[path] = self._draft(unit)
            if not self._is_open(unit):
                draft.tests += [t for folder in unit.folders for t in tests_inside(folder, ())]
        for tests, context in self._detached_tests():
            self._settle(tests, self._placer.place(tests, context))
        for draft in self._drafts.values():
            draft.member = member
        return list(self._drafts.values())

    def _find_units(self) -> dict[str, Unit]:
        units: dict[str, Unit] = {}
        self._packages = []
        for root in self._folders:
            flat = root.path == self._base.path
            packages = packages_in(root, flat=flat, roots=self._roots)
            for package in packages:
                if package.name.isprintable() and (package.count > 1 or len(packages) <= FEW):
                    self._packages.append(package)
                    found = split(package, self._limits, _may_be_part)
                    units.update((unit.folder.path, unit) for unit in found)
            if not flat and root.own:
                units[root.path] = Unit(root, is_split=True)
        return units

    def _is_open(self, unit: Unit) -> bool:
        """Say whether a unit's own tests may belong elsewhere: it was split, or should be."""
        if unit.folder.path in self._roots:
            return False
        return unit.is_split or unit.folder.cost > self._limits.upper

    def _detached_tests(self) -> list[tuple[Folder, Sequence[Folder]]]:
        """Return the folders of tests that lie outside a leaf unit, with what they may be about."""
        found: list[tuple[Folder, Sequence[Folder]]] = []
        for root in {folder.path: folder for folder in (self._base, *self._folders)}.values():
            found += [(f, ()) for f in root.folders.values() if kinds.is_tests(f.name) and f.count]
        for unit in self._units.values():
            if self._is_open(unit):
                found += [
                    (folder, (unit.folder,))
                    for folder in unit.folder.folders.values()
                    if kinds.is_tests(folder.name) and folder.count
                ]
            if unit.is_split:
                self._share(unit.folder)
        return found

    def _settle(self, tests: Folder, placement: Placement) -> None:
        """Give placed tests to their units, and find a home for those left."""
        home = self._placer.unit_of(tests.path)
        if home is None and len(self._units) == 1 and tests.count < MANY_TESTS:
            (only,) = self._units
            self._drafts[only].add_test(tests.path, f"{only} is all there is to test")
            return
        moved = [placed for placed in placement.placed if placed.unit != home]
        for placed in moved:
            self._give(placed)
        left = sum(folder.cost for folder in placement.left_folders)
        left += tests.cost // tests.count * len(placement.left_files)
        large = [f for f in placement.left_folders if not self._limits.is_crumb(f)]
        if left <= self._limits.upper:
            large = []
        for folder in large:
            left -= folder.cost
            self._split_off(folder, f"tests that are many, and no scope is called {folder.name}")
        if moved or large:
            self._share(tests)
        if home is not None and left <= self._limits.upper:
            self._drafts[home].add_test(tests.path, f"tests inside {home}")
        elif left or _has_helpers(tests):
            self._own(Unit(tests), "tests that no name gives to one scope")

    def _give(self, placed: Placed) -> None:
        if placed.path.isprintable():
            self._drafts[placed.unit].add_test(placed.path, placed.reason)

    def _split_off(self, folder: Folder, reason: str) -> None:
        for unit in split(folder, self._limits, _may_be_part):
            self._own(unit, reason)
            if unit.is_split:
                self._share(unit.folder)

    def _own(self, unit: Unit, reason: str) -> None:
        """Make a scope of tests."""
        draft = self._draft(unit)
        draft.tests = list(draft.folders)
        if draft.folders:
            count = sum(folder.count for folder in unit.folders)
            files = "1 Python file" if count == 1 else f"{count} Python files"
            draft.evidence = [Evidence(f"paths {unit.folder.path}", f"{reason}; {files}")]
            self._drafts[unit.folder.path] = draft

    def _draft(self, unit: Unit) -> Draft:
        label = self._label(unit.folder.path)
        if unit.others:
            label = f"{label}-to-{unit.others[-1].name}"
        folders = [folder.path for folder in unit.folders if folder.path.isprintable()]
        return Draft(label, folders, evidence=[self._reason(unit)])

    def _share(self, folder: Folder) -> None:
        path = folder.path_of("conftest.py")
        if "conftest.py" in folder.files and path not in self.shared:
            self.shared.append(path)

    def _reason(self, unit: Unit) -> Evidence:
        folder = unit.folder
        share = 100 * sum(f.cost for f in unit.folders) / max(1, self._base.cost)
        root = next((r for r in self._roots if r and folder.path.startswith(r + "/")), "")
        count = sum(f.count for f in unit.folders)
        what = f"{count} Python files, {share:.1f}% of the project"
        if folder in self._packages:
            why = f"a package; {self._roots.get(root, 'packages lie flat in the root')}"
        elif folder.path in self._roots:
            why = f"modules in {folder.path}; {self._roots[folder.path]}"
        else:
            above = folder.path.rpartition("/")[0]
            why = f"a part of {above}, which is too large for one scope"
        rest = "; large parts are scopes of their own" if unit.is_split else ""
        if unit.others:
            rest = f"; small, so joined with {len(unit.others)} beside it"
        return Evidence(f"paths {folder.path}", f"{why}; {what}{rest}")

    def _label(self, path: str) -> str:
        """Return what a unit is called after: its path in the one package, or in its root."""
        if len(self._packages) == 1 and path.startswith(self._packages[0].path + "/"):
            return path.removeprefix(self._packages[0].path + "/")
        roots = sorted((r for r in self._roots if path.startswith(f"{r}/") or not r), key=len)
        return path.removeprefix(roots[-1]).strip("/") if roots and roots[-1] else path

    def _at(self, path: str) -> Folder | None:
        return self._base.at(path.removeprefix(self._base.path).strip("/"))


def _may_be_part(folder: Folder) -> bool:
    """Say whether a folder inside a package may be a scope; one of copied code is not divided."""
    above = folder.path.rpartition("/")[0]
    return kinds.is_part(folder.name) and not kinds.is_vendored(above)


def _has_helpers(tests: Folder) -> bool:
    """Say whether there is Python beside the tests that has no scope with them."""
    known = {"__init__.py", "conftest.py"}
    return any(n not in known and not kinds.is_test_file(n) for n in tests.python_files())


def _member_drafts(tree: Tree, whole: Folder, members: dict[str, str]) -> list[Draft]:
    """Return one draft for each member, with the members it declares to need."""
    declared = {member: declared_by(tree, member) for member in members}
    needs = _needs_of(declared)
    last = [member.rpartition("/")[2] for member in members]
    drafts = []
    for member, reason in members.items():
        folder = whole.at(member)
        short = member.rpartition("/")[2]
        label = short if last.count(short) == 1 else member
        inside = tests_inside(folder, set(members) - {member}) if folder is not None else []
        wanted, left_out = needs[member]
        draft = Draft(label, [member], inside, member=member, needs=wanted)
        draft.evidence.append(Evidence(f"paths {member}", reason))
        for other in wanted:
            draft.evidence.append(Evidence(f"depends on {other}", f"declared by {member}"))
        for other in left_out:
            circle = f"declared by {member}, but would close a circle"
            draft.evidence.append(Evidence(f"not: depends on {other}", circle))
        drafts.append(draft)
    return drafts


def _needs_of(declared: Mapping[str, Declared]) -> dict[str, tuple[tuple[str, ...], list[str]]]:
    """Return the members that each one needs, and those left out since they close a circle.

    Members often need each other for their tests: what they need to run goes first.
    """
    by_name = {what.name: member for member, what in declared.items()}
    edges = [
        (member, by_name[name])
        for names_of in (attrgetter("needs"), attrgetter("extras"))
        for member, what in sorted(declared.items())
        for name in sorted(names_of(what))
        if by_name.get(name, member) != member
    ]
    kept = without_circles(dict.fromkeys(edges))
    return {
        member: (
            tuple(sorted(kept.get(member, ()))),
            sorted({other for name, other in edges if name == member} - set(kept.get(member, ()))),
        )
        for member in declared
    }


def _asides(base: Folder, *, skipped: str, known: AbstractSet[str] = frozenset()) -> list[Draft]:
    """Return documentation, CI, tools and the like, and large top folders without Python."""
    drafts: dict[str, Draft] = {}
    for name, folder in base.folders.items():
        if name == skipped or name in known or not folder.path.isprintable():
            continue
        kind = kinds.ASIDE_OF.get(name)
        if kind is not None:
            draft = drafts.setdefault(kind, Draft(kind, []))
            draft.folders.append(folder.path)
            draft.evidence.append(Evidence(f"paths {folder.path}", f"called {name}: {kind}"))
        elif not folder.count and folder.total >= MANY_FILES and not name.startswith("."):
            reason = f"{folder.total} files, none of them Python"
            evidence = [Evidence(f"paths {folder.path}", reason)]
            drafts[folder.path] = Draft(name, [folder.path], evidence=evidence)
    return list(drafts.values())


def _sessions(tree: Tree, members: dict[str, str], base: str) -> dict[str, str]:
    """Return the members, or the one nested project, that run in their own session."""
    if not members and not base:
        return {}
    inside: dict[str, list[str]] = {member: [] for member in members or (base,)}
    others: list[str] = []
    packages: set[str] = set()
    for path in tree.files:
        folder, _, name = path.rpartition("/")
        if name == "__init__.py":
            packages.add(folder)
        member = _member_of(path, inside)
        (others if member is None else inside[member]).append(path)
    return sessions_apart(
        inside,
        root_configured=pytest_files.is_configured(tree),
        importlib_mode=pytest_files.uses_importlib(tree),
        packages=packages,
        others=others,
    )


def _member_of(path: str, members: dict[str, str] | dict[str, list[str]]) -> str | None:
    """Return the innermost member that a path lies in."""
    while path:
        path = path.rpartition("/")[0]
        if path in members:
            return path
    return None


def _is_project(root: Folder) -> bool:
    return any(name in root.files for name in ("setup.py", "setup.cfg", "pyproject.toml"))
