"""Joins the parts: what each command does, without parsing or printing."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.repository import find_repository, open_repository
from guild_plugins.graph.affected import find_affected
from guild_plugins.graph.boundaries.reading import read_rules
from guild_plugins.graph.reading import read_imports
from guild_plugins.scopes.check import Finding, examine
from guild_plugins.scopes.config import GUILD_TOML, PYPROJECT
from guild_plugins.scopes.model import ROOT, Evidence, Scope
from guild_plugins.scopes.ownership import Claim, OwnershipUnclear
from guild_plugins.scopes.project import Project, load_project
from guild_plugins.scopes.setup import SetupPlan
from guild_plugins.scopes.tree import DiskTree, files_below
from guild_plugins.scopes.writing import replace_file


class NoSuchDirectory(GuildError):
    """The directory to work in is not there."""

    slug = "no-such-directory"
    exit = Exit.USAGE

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path} is no directory."


class PathOutside(GuildError):
    """A path that was asked about lies outside the project."""

    slug = "path-outside"
    exit = Exit.USAGE

    def __init__(self, path: str, root: str) -> None:
        super().__init__(path, root)
        self.path, self.root = path, root

    def __str__(self) -> str:
        return f"{self.path} lies outside the project {self.root}."


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a path belongs to its scope."""

    path: str
    scope: str
    claim: Claim | None
    """What decided; ``None`` for the implicit scope."""
    others: tuple[Claim, ...]
    """Claims that are less specific."""
    is_barrier: bool
    evidence: tuple[Evidence, ...]

    def as_data(self) -> dict[str, object]:
        """Return it as plain data."""
        return {
            "path": self.path,
            "scope": self.scope,
            "claim": self.claim._asdict() if self.claim is not None else None,
            "others": [claim._asdict() for claim in self.others],
            "is_barrier": self.is_barrier,
            "evidence": [line._asdict() for line in self.evidence],
        }


class App:
    """One project, and what can be done with it.

    :param root: The project's directory.
    :param start: The directory that relative paths are meant from.
    """

    def __init__(self, root: Path, start: Path) -> None:
        self.root, self.start = root, start

    @classmethod
    def open(cls, start: Path) -> App:
        """Open the project that a directory lies in.

        That is the git work tree; without git, the nearest folder that has a
        configuration file, else the directory itself.

        :raises NoSuchDirectory: There is no such directory.
        """
        if not start.is_dir():
            raise NoSuchDirectory(str(start))
        start = Path(os.path.abspath(start))  # noqa: PTH100 - links in it are kept
        repository = find_repository(start)
        if repository is not None:
            return cls(repository.top, start)
        for folder in (start, *start.parents):
            if (folder / GUILD_TOML).is_file() or (folder / PYPROJECT).is_file():
                return cls(folder, start)
        return cls(start, start)

    @cached_property
    def files(self) -> tuple[str, ...]:
        """All of the project's files, relative to its root."""
        return tuple(files_below(self.root))

    @cached_property
    def project(self) -> Project:
        """The project's scopes, configured or discovered."""
        return load_project(self.root, self.files, imports_of=self._imports_of)

    def count_files(self) -> Mapping[str, int]:
        """Return how many files each scope owns; what two scopes claim counts for neither."""
        counts: Counter[str] = Counter()
        for path in self.files:
            try:
                counts[self.project.owner_of(path)] += 1
            except OwnershipUnclear:
                continue
        return counts

    def check_scopes(self) -> tuple[Finding, ...]:
        """Return what is wrong with the scopes."""
        return examine(self.project.scopes, self.project.owners, self.files)

    def explain(self, path: str) -> Explanation:
        """Say which scope a path belongs to, and why.

        :param path: Relative to where the user is.
        :raises PathOutside: It is not in the project.
        :raises OwnershipUnclear: Two scopes claim it equally.
        """
        inner = os.path.relpath(os.path.join(self.start, path), self.root)  # noqa: PTH118
        inner = inner.replace(os.sep, "/")
        if inner == ".." or inner.startswith("../"):
            raise PathOutside(path, str(self.root))
        claim = self.project.owners.claim_on(inner)
        others = [c for c in self.project.owners.all_claims_on(inner) if c != claim]
        scope = self.project.scope(claim.scope) if claim is not None else None
        return Explanation(
            path=inner,
            scope=claim.scope if claim is not None else ROOT,
            claim=claim,
            others=tuple(others),
            is_barrier=self.project.is_barrier(inner),
            evidence=scope.evidence if scope is not None else (),
        )

    def affected_tests(self, base: str, recorded: Path | None = None) -> tuple[str, ...]:
        """Return the test files that the work tree's change can affect, from where the user is.

        :param base: A revision; what counts is where it and ``HEAD`` parted.
        :param recorded: A file that says what the base was tested in.
        :raises NoRepository: The project is in no git repository.
        :raises UnknownRevision: There is no such base.
        """
        repository = open_repository(self.root)
        rules = partial(read_rules, self.root)
        impact, _ = find_affected(repository, base, rules, recorded)
        places = (os.path.join(self.root, path) for path in impact.tests)  # noqa: PTH118
        return tuple(os.path.relpath(place, self.start) for place in places)

    def write_setup(self, plan: SetupPlan) -> None:
        """Write what was planned, unless the file has changed meanwhile."""
        replace_file(self.root / plan.file, plan.before, plan.after)

    def describe_scopes(self) -> dict[str, object]:
        """Return the scopes as plain data, as ``guild scopes --json`` prints it."""
        project, counts = self.project, self.count_files()
        scopes = [{**_as_data(s), "files": counts.get(s.id, 0)} for s in project.scopes]
        return {
            "version": 1,
            "root": str(project.root),
            "origin": project.origin,
            "config_file": str(project.config_file) if project.config_file else None,
            "barriers": list(project.barriers),
            "groups": {name: list(ids) for name, ids in project.groups.items()},
            "root_files": counts.get(ROOT, 0),
            "scopes": scopes,
        }

    def _imports_of(self, path: str) -> set[str] | None:
        content = DiskTree(self.root, ()).read(path)
        return set(read_imports(content).modules) if content is not None else None


def _as_data(scope: Scope) -> dict[str, object]:
    pytest = {**scope.pytest._asdict(), "env": dict(scope.pytest.env)}
    evidence = [line._asdict() for line in scope.evidence]
    return {**scope._asdict(), "pytest": pytest, "evidence": evidence}
