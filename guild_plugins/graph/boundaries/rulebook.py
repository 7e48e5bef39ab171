"""The rules of a project in the form that judging needs, and as text to be kept.

Reading a configuration takes pydantic, which takes longer than judging a commit.
So what was read once is kept by the ids of the files that it was read from.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from zlib import crc32

from guild_plugins.git.listing import Listing
from guild_plugins.git.trees import Entry, Tree
from guild_plugins.scopes.globs import Glob, parse_glob
from guild_plugins.scopes.kept import keep
from guild_plugins.scopes.model import ROOT, Rules, Scope, ScopeId
from guild_plugins.scopes.ownership import Owners, OwnershipUnclear

VERSION = 2
SOURCES = (
    "pyproject.toml",
    "guild.toml",
    "CODEOWNERS",
    "setup.cfg",
    "setup.py",
    "tox.ini",
    "pytest.ini",
    ".pytest.ini",
    "pytest.toml",
    ".pytest.toml",
    "src/__init__.py",
    "lib/__init__.py",
    "python/__init__.py",
)
"""The names of all files that a configured project's rules are read from."""

NO_RULES = Rules()

_FIELDS = (
    "id",
    "paths",
    "tests",
    "depends_on",
    "public",
    "forbids",
    "deprecated",
    "internal",
    "data",
    "owners",
)


class RuleBook:
    """Scopes, the rules between them, and where packages lie; not to be changed.

    :param roots: The folders that packages lie in.
    :param barriers: Patterns of paths that every scope depends on.
    """

    def __init__(
        self,
        scopes: tuple[Scope, ...],
        rules: Rules = NO_RULES,
        roots: tuple[str, ...] = ("",),
        barriers: tuple[str, ...] = (),
        is_configured: bool = True,
    ) -> None:
        self.scopes, self.rules, self.roots = scopes, rules, roots
        self.barriers, self.is_configured = barriers, is_configured

    def owner_of(self, path: str) -> ScopeId:
        """Return the scope that a path belongs to; ``root`` where two claim it equally.

        That two claim it is told by ``guild scopes --check``.
        """
        if path not in self._owned:
            try:
                self._owned[path] = self._owners.owner_of(path)
            except OwnershipUnclear:
                self._owned[path] = ROOT
        return self._owned[path]

    def scope(self, name: ScopeId) -> Scope:
        """Return a scope by id; for ``root`` one without rules."""
        return self._by_id.get(name) or Scope(ROOT, ())

    def is_barrier(self, path: str) -> bool:
        """Say whether every scope depends on a path."""
        return any(glob.matches(path) for glob in self._barriers)

    @cached_property
    def keepers(self) -> Mapping[str, ScopeId]:
        """The scope that keeps each internal package."""
        return {package: scope.id for scope in self.scopes for package in scope.internal}

    @cached_property
    def layer_of(self) -> Mapping[ScopeId, int]:
        """The layer of each scope that has one; 0 is the highest."""
        return {name: n for n, layer in enumerate(self.rules.layers) for name in layer}

    @property
    def has_far_rules(self) -> bool:
        """Say whether a rule speaks of chains, so that it takes the whole graph to judge."""
        forbids = any(scope.forbids for scope in self.scopes)
        return bool(self.rules.acyclic or self.rules.independent or forbids)

    @cached_property
    def _by_id(self) -> dict[ScopeId, Scope]:
        return {scope.id: scope for scope in self.scopes}

    @cached_property
    def _owners(self) -> Owners:
        return Owners(self.scopes)

    @cached_property
    def _owned(self) -> dict[str, ScopeId]:
        return {}

    @cached_property
    def _barriers(self) -> tuple[Glob, ...]:
        return tuple(parse_glob(pattern) for pattern in self.barriers)

    def as_data(self) -> dict[str, Any]:
        """Return it as plain data."""
        scopes = [{name: getattr(scope, name) for name in _FIELDS} for scope in self.scopes]
        rules = self.rules._asdict()
        return {"scopes": scopes, "rules": rules, "roots": self.roots, "barriers": self.barriers}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> RuleBook:
        """Return the rules that plain data stands for."""
        scopes = tuple(Scope(**_tuples(scope)) for scope in data["scopes"])
        rules = Rules(**_tuples(data["rules"]))
        return cls(scopes, rules, tuple(data["roots"]), tuple(data["barriers"]))


def kept_rules(folder: Path, tree: Tree, read: Callable[[Tree], RuleBook]) -> RuleBook:
    """Return the rules of a tree, as kept where its configuration was read before.

    Discovered scopes depend on all files, and are not kept.

    :param folder: Guild's folder in the common git directory.
    :param read: Reads them from the tree.
    """
    key = _key(tree.entries)
    place = folder / f"rules-{crc32(key.encode('utf-8', 'surrogateescape')):08x}.json"
    try:
        kept = json.loads(place.read_bytes())
        if kept["key"] == key:
            return RuleBook.from_data(kept)
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not kept, or not readable: the same
    book = read(tree)
    if book.is_configured:
        keep(place, {"key": key, **book.as_data()}, "rules-*.json")
    return book


def _key(entries: Mapping[str, Entry]) -> str:
    """Return what the rules depend on: the ids of their sources."""
    sources = sorted(set(_named(entries)))
    return f"{VERSION} " + " ".join(f"{path}:{entries[path].oid}" for path in sources)


def _named(entries: Mapping[str, Entry]) -> Iterable[str]:
    if isinstance(entries, Listing):
        return [path for name in SOURCES for path in entries.ends(name)]
    return [path for path in entries if f"/{path}".endswith(tuple(f"/{n}" for n in SOURCES))]


def _tuples(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _tuple(value) for name, value in data.items()}


def _tuple(value: Any) -> Any:
    return tuple(map(_tuple, value)) if isinstance(value, list) else value
