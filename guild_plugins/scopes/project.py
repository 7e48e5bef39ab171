"""A project's scopes as a whole: from its configuration where it has one, else discovered.

The one entry point of this folder for everyone else. Without configuration
nothing heavy is imported, since the pytest plugin asks on every start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from guild_plugins.scopes.codeowners import line_for, read_codeowners
from guild_plugins.scopes.config import Configured, read_configuration
from guild_plugins.scopes.discovery import discover, root_barriers
from guild_plugins.scopes.globs import Glob, parse_glob
from guild_plugins.scopes.model import ROOT, Evidence, Rules, Scope, ScopeId
from guild_plugins.scopes.ownership import Owners
from guild_plugins.scopes.placing import ImportsOf
from guild_plugins.scopes.tree import DiskTree, Tree, files_below


@dataclass(frozen=True)
class Project:
    """The scopes of one project, sorted by id, without the implicit ``root``.

    ``scopes`` may be empty: then every path belongs to ``root``.
    """

    root: Path
    scopes: tuple[Scope, ...]
    barriers: tuple[str, ...] = ()
    groups: Mapping[str, tuple[ScopeId, ...]] = field(default_factory=dict)
    origin: Literal["configured", "discovered"] = "discovered"
    config_file: Path | None = None
    rules: Rules = field(default_factory=Rules)

    def owner_of(self, path: str) -> ScopeId:
        """Return the scope that owns a path (relative to the root, with ``/``).

        ``root`` where no scope claims it. A test belongs to the scope that
        names it in ``tests``.

        :raises OwnershipUnclear: Two scopes claim the path equally.
        """
        return self.owners.owner_of(path)

    def is_barrier(self, path: str) -> bool:
        """Say whether every scope depends on the path."""
        return any(glob.matches(path) for glob in self._barriers)

    def scope(self, name: ScopeId) -> Scope:
        """Return a scope by its id.

        :raises KeyError: There is none; ``root`` is not among them.
        """
        return self._by_id[name]

    def select(self, names: Sequence[str]) -> tuple[ScopeId, ...]:
        """Return the ids that names of scopes and groups stand for, each once.

        :raises KeyError: A name is neither.
        """
        chosen: dict[ScopeId, None] = {}
        for name in names:
            members = self.groups.get(name)
            if members is None and name != ROOT and name not in self._by_id:
                raise KeyError(name)
            chosen.update(dict.fromkeys(members if members is not None else (name,)))
        return tuple(chosen)

    @cached_property
    def owners(self) -> Owners:
        """All claims on paths, ready to be asked."""
        return Owners(self.scopes)

    @cached_property
    def _by_id(self) -> dict[ScopeId, Scope]:
        return {scope.id: scope for scope in self.scopes}

    @cached_property
    def _barriers(self) -> tuple[Glob, ...]:
        return tuple(parse_glob(pattern) for pattern in self.barriers)


def load_project(
    root: Path,
    files: Sequence[str] | None = None,
    *,
    imports_of: ImportsOf | None = None,
    tree: Callable[[Sequence[str]], Tree] | None = None,
) -> Project:
    """Read the project's scopes, or discover them where nothing is configured.

    :param root: The project's directory; it need not be a git repository.
    :param files: The files to find scopes in, relative to the root, with ``/``;
        may be the test files alone. Without it, all of the project's files.
    :param imports_of: Returns the modules that a file imports, or ``None``;
        places those tests that their names do not place.
    :param tree: Reads content from elsewhere than the work tree.
    :raises ConfigInvalid: The configuration cannot be used.
    """
    # The listing is put off: a configuration with scopes makes do without it.
    listing = tuple(files) if files is not None else None
    reader = tree(listing or ()) if tree else DiskTree(root, listing or ())
    configured = read_configuration(root, reader)
    if configured is not None and configured.scopes:
        return Project(
            root=root,
            scopes=_with_owners(configured, reader),
            barriers=root_barriers(reader) if configured.barriers is None else configured.barriers,
            groups=configured.groups,
            origin="configured",
            config_file=configured.file,
            rules=configured.rules,
        )
    if listing is None:
        listing = tuple(files_below(root))
        reader = tree(listing) if tree else DiskTree(root, listing)
    found = discover(reader, imports_of)
    if configured is None:
        return Project(root, found.scopes, found.barriers)
    barriers = found.barriers if configured.barriers is None else configured.barriers
    return Project(
        root=root,
        scopes=found.scopes,
        barriers=barriers,
        groups=configured.groups,
        config_file=configured.file,
        rules=configured.rules,
    )


def _with_owners(configured: Configured, tree: Tree) -> tuple[Scope, ...]:
    """Fill in owners from CODEOWNERS where the configuration names none."""
    lines = read_codeowners(tree)
    scopes = []
    for scope in configured.scopes:
        place = next((p for p in map(parse_glob, scope.paths) if p.literal is not None), None)
        line = line_for(lines, place.literal or "") if place and lines else None
        if line is not None and scope.id not in configured.owned:
            reason = Evidence(f"owners {' '.join(line.owners)}", f"CODEOWNERS, line {line.number}")
            scope = scope._replace(owners=line.owners, evidence=(*scope.evidence, reason))
        scopes.append(scope)
    return tuple(scopes)
