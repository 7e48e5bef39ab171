"""What a run consists of: which files, in which units, scopes and pools.

Made once, on the controller, before any worker is asked for anything, and
without importing what is tested.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from guild_plugins.engine import messages as core
from guild_plugins.engine.sizing import expected_seconds
from guild_plugins.git.repository import find_repository
from guild_plugins.scopes.model import ROOT
from guild_plugins.scopes.project import Project, load_project
from guild_plugins.suites import durations, shards
from guild_plugins.suites.collection import Target
from guild_plugins.suites.cores import usable_cores
from guild_plugins.suites.owned import owned_by
from guild_plugins.suites.pools import INI_FILES, Pool, pools_of
from guild_plugins.suites.targets import resolve
from guild_plugins.suites.visits import Visits
from guild_plugins.suites.walk import Found, find, rules_of


@dataclass(frozen=True, slots=True)
class Work:
    """A unit of work with what the worker must know of it.

    :param files: Absolute paths; more than one are collected together.
    :param keys: Their paths from the root directory, as in node ids.
    """

    unit: core.Unit
    target: int
    files: tuple[str, ...]
    keys: tuple[str, ...]


@dataclass(slots=True)
class Plan:
    """All that a session needs to know before it starts."""

    works: list[Work]
    pools: dict[str, Pool]
    project: Project
    rootpath: Path
    limit: int
    timeouts: dict[str, float] = field(default_factory=dict)
    scope_maxfail: int = 0
    notes: list[str] = field(default_factory=list)
    durations_path: Path | None = None
    cores: int | None = None
    """How many workers the cores feed if all compute; None where that does not matter."""
    share: float | None = None
    """The part of their time in which workers wanted a core in an earlier run."""
    guard: dict[str, Any] | None = None
    """What the import guard compares with; None where it is off."""
    freezes: bool = False
    """Whether workers keep what stays out of the collector's way (see `heap`)."""
    candidates: tuple[Candidate, ...] = ()
    """The files that the works were made of."""
    left_out: frozenset[str] = frozenset()
    """Absolute paths of files that were found and not chosen."""

    def owner_of_key(self, key: str) -> str:
        """Return the scope of a path as it stands in node ids."""
        return _owner(self.project, os.path.normpath(self.rootpath / key))

    @property
    def scopes(self) -> list[str]:
        """Names of the scopes that have work, sorted."""
        return sorted({work.unit.scope for work in self.works})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A found file with all that decides about it."""

    found: Found
    key: str
    scope: str
    pool: str
    seconds: float | None
    failed_before: bool
    is_named: bool = False
    """Whether the command line asks for tests of it by node id."""


Sieve: TypeAlias = Callable[
    [Project, Mapping[str, Pool], list[Candidate], list[str]], list[Candidate]
]
"""Leaves out files that need not run, and notes why."""


def make(config: pytest.Config, limit: int, sieve: Sieve | None = None) -> Plan:
    """Make the plan of a run.

    :param limit: Workers that the user allows.
    :param sieve: Called with the files that are asked for.
    :raises pytest.UsageError: The command line or configuration cannot be used.
    """
    targets = resolve(config)
    main = Pool("", tuple(targets))
    root = _root_of(config, targets)
    has_root = root is not None
    if root is not None:
        project = load_project(root)
        apart, pool_of = pools_of(config, project, targets)
        homes = [pool.root for pool in apart.values() if pool.root]
        found = _outside(find(rules_of(config, main, homes), targets), targets, homes)
    else:
        apart, pool_of = {}, {}
        found = find(rules_of(config, main), targets)
        root, project = _scopes_among(found)
    pools = {"": main, **apart}
    located = [(file, "") for file in found]
    for name, pool in apart.items():
        if pool.root:  # the others' files are among the ones above
            located += [(file, name) for file in find(rules_of(config, pool), pool.targets)]
    path = durations.store_path(config, root)
    known = durations.load(path)
    failed = _last_failed(config)
    notes: list[str] = []
    candidates = [
        Candidate(
            file,
            key := _key(config, file.path),
            scope := _owner(project, file.path),
            pool or _shared_pool(apart, pool_of.get(scope, "")),
            known.files.get(key),
            _has_failure(failed, key),
            bool(pools[pool].targets[file.target].names),
        )
        for file, pool in located
    ]
    chosen = _select(config, project, candidates, failed, notes)
    if sieve is not None:
        chosen = sieve(project, pools, chosen, notes)
    kept = {candidate.found.path for candidate in chosen}
    works = _works(config, project, chosen, notes)
    return Plan(
        works=works,
        pools=pools,
        project=project,
        rootpath=config.rootpath,
        limit=limit,
        timeouts=_timeouts(config, project, works),
        scope_maxfail=config.getoption("guild_maxfail"),
        notes=notes,
        durations_path=path,
        cores=_cores(config),
        share=known.share,
        guard=_guard(config, project) if has_root else None,
        freezes=not config.option.guild_leave_heap and _expected(works) > FREEZE_FROM,
        candidates=tuple(chosen),
        left_out=frozenset(c.found.path for c in candidates if c.found.path not in kept),
    )


def _cores(config: pytest.Config) -> int | None:
    is_local = all(spec.split("*")[-1].startswith("popen") for spec in config.option.tx or ())
    return usable_cores() if is_local and not config.option.guild_all_workers else None


FREEZE_FROM = 2.0
"""Seconds of expected work from which a full collection at the start pays for itself."""


def _expected(works: Sequence[Work]) -> float:
    return sum(expected_seconds([work.unit for work in works]).values())


def _root_of(config: pytest.Config, targets: Sequence[Target]) -> Path | None:
    """Return the root of the project under test; None where the files must tell.

    That is so for a package that lies in ``site-packages``.
    """
    repository = find_repository(config.rootpath)
    if repository is not None:
        root = repository.top
    elif any((config.rootpath / name).is_file() for name in (*INI_FILES, "guild.toml")):
        root = config.rootpath
    else:
        return None
    for target in targets:
        if not target.path.is_relative_to(root):
            return None
        if "site-packages" in target.path.relative_to(root).parts:
            return None
    return root


def _scopes_among(found: Sequence[Found]) -> tuple[Path, Project]:
    """Return the directory that holds all files, and the scopes that they show."""
    folders = [os.path.dirname(file.path) for file in found]
    root = Path(os.path.commonpath(folders)) if folders else Path.cwd()
    return root, load_project(root, [_relative(file.path, root) for file in found])


def _outside(
    found: Sequence[Found], targets: Sequence[Target], homes: Sequence[Path]
) -> list[Found]:
    """Return the files under targets that are not within another pool's directory.

    The targets keep their numbers: pools without a directory share them.
    """
    inside = {
        number
        for number, target in enumerate(targets)
        if any(target.path.is_relative_to(home) for home in homes)
    }
    return [file for file in found if file.target not in inside]


def _shared_pool(apart: Mapping[str, Pool], name: str) -> str:
    """Return the pool of a file that was found in the invocation's own session.

    A scope's files outside its root directory stay in that session.
    """
    return name if name in apart and apart[name].root is None else ""


def _guard(config: pytest.Config, project: Project) -> dict[str, Any] | None:
    mode = config.getoption("guild_import_guard")
    if mode == "off":
        return None
    return {
        "root": str(project.root),
        "owned": owned_by(project),
        "repair": mode == "repair",
    }


def _owner(project: Project, path: str) -> str:
    if not path.startswith(f"{project.root}{os.sep}"):
        return ROOT
    return project.owner_of(_relative(path, project.root))


def _relative(path: str, root: Path) -> str:
    return os.path.relpath(path, root).replace(os.sep, "/")


def _key(config: pytest.Config, path: str) -> str:
    """Return the path as it stands in node ids."""
    root = str(config.rootpath)
    if path.startswith(root + os.sep):
        return path[len(root) + 1 :].replace(os.sep, "/")
    return _relative(path, config.rootpath)


# -- selection ----------------------------------------------------------------


def _select(
    config: pytest.Config,
    project: Project,
    candidates: list[Candidate],
    failed: Mapping[str, bool],
    notes: list[str],
) -> list[Candidate]:
    names = config.getoption("guild_scope")
    if names:
        candidates = _only_scopes(project, candidates, names)
    if config.getoption("guild_shard"):
        # Before what only this machine knows, such as its last failures.
        candidates = _only_shard(config.getoption("guild_shard"), candidates, notes)
    if config.getoption("lf", False) and failed:
        kept = [candidate for candidate in candidates if candidate.failed_before]
        if kept:
            notes.append(f"run-last-failure: {len(kept)} of {len(candidates)} files failed before")
            candidates = kept
    return candidates


def _only_scopes(
    project: Project, candidates: list[Candidate], names: Sequence[str]
) -> list[Candidate]:
    known = {ROOT, *(scope.id for scope in project.scopes)} | {c.scope for c in candidates}
    chosen: set[str] = set()
    for name in names:
        members = project.groups.get(name)
        matching = set(members) if members is not None else set(fnmatch.filter(known, name))
        if not matching:
            raise pytest.UsageError(
                f"--guild-scope: no scope is called {name!r}; there are: {', '.join(sorted(known))}"
            )
        chosen |= matching
    return [candidate for candidate in candidates if candidate.scope in chosen]


def _only_shard(text: str, candidates: list[Candidate], notes: list[str]) -> list[Candidate]:
    try:
        number, of, expected = shards.parse_shard(text)
    except ValueError as error:
        raise pytest.UsageError(f"--guild-shard: {error}") from error
    division = shards.divide(weigh(candidates), of)
    word = shards.fingerprint(division)
    if expected not in (None, word):
        raise pytest.UsageError(
            f"--guild-shard: this machine divides the files otherwise ({word}, not {expected}), so "
            "that some might run nowhere: it has other files, or other durations of earlier runs"
        )
    own = {file.key for file in division[number - 1]}
    chosen = [candidate for candidate in candidates if candidate.key in own]
    notes.append(
        f"part {number}/{of}: {len(chosen)} of {len(candidates)} files "
        f"(division {word}: must be the same on every machine)"
    )
    return chosen


def weigh(candidates: Iterable[Candidate]) -> list[shards.Weighed]:
    """Return the files with what each is expected to cost."""
    files = {candidate.key: candidate for candidate in candidates}
    expected = expected_seconds(
        core.Unit(number, file.scope, seconds=file.seconds, size=file.found.size)
        for number, file in enumerate(files.values())
    )
    return [
        shards.Weighed(file.scope, file.key, expected[number])
        for number, file in enumerate(files.values())
    ]


def _last_failed(config: pytest.Config) -> Mapping[str, bool]:
    cache = getattr(config, "cache", None)
    if cache is None:
        return {}
    failed = cache.get("cache/lastfailed", {})
    return failed if isinstance(failed, dict) else {}


def _has_failure(failed: Mapping[str, bool], key: str) -> bool:
    return any(nodeid.split("::", 1)[0] == key for nodeid in failed)


# -- units ----------------------------------------------------------------------


def _works(
    config: pytest.Config, project: Project, candidates: Sequence[Candidate], notes: list[str]
) -> list[Work]:
    whole = _needs_whole_scopes(config, notes)
    settings = {scope.id: scope.pytest for scope in project.scopes}
    visits = Visits()
    works: list[Work] = []
    for group in _groups(candidates, whole):
        first = group[0]
        known = [c.seconds for c in group if c.seconds is not None]
        unit = core.Unit(
            id=len(works),
            scope=first.scope,
            pool=first.pool,
            seconds=sum(known) if len(known) == len(group) else None,
            size=sum(c.found.size for c in group),
            priority=_priority(group),
            exclusive=first.scope in settings and settings[first.scope].exclusive,
            divisible=len(group) == 1,
            visits=visits.around(c.found.path for c in group),
        )
        works.append(
            Work(
                unit,
                first.found.target,
                tuple(c.found.path for c in group),
                tuple(c.key for c in group),
            )
        )
    return works


def _priority(group: Sequence[Candidate]) -> int:
    """Return what is to run first: node ids, since one that does not exist ends the run."""
    if any(candidate.is_named for candidate in group):
        return -2
    return -1 if any(candidate.failed_before for candidate in group) else 0


def _groups(candidates: Sequence[Candidate], whole: bool) -> Iterable[list[Candidate]]:
    if not whole:
        return [[candidate] for candidate in candidates]
    groups: dict[tuple[str, str, int], list[Candidate]] = {}
    for candidate in candidates:
        key = (candidate.scope, candidate.pool, candidate.found.target)
        groups.setdefault(key, []).append(candidate)
    return groups.values()


REORDERING = {
    "pytest_order": "pytest-order",
    "pytest_ordering": "pytest-ordering",
    "pytest_dependency": "pytest-dependency",
    "depends": "pytest-depends",
    "stepwiseplugin": "--stepwise",
}
"""Plugins that need to see tests of many files at once, by their registered name."""


def _needs_whole_scopes(config: pytest.Config, notes: list[str]) -> bool:
    manager = config.pluginmanager
    for name, title in REORDERING.items():
        if manager.has_plugin(name):
            notes.append(f"{title} orders tests across files: each scope is collected whole")
            return True
    if config.getoption("guild_whole_scopes"):
        notes.append("guild_whole_scopes is set: each scope is collected whole")
        return True
    return False


def _timeouts(config: pytest.Config, project: Project, works: Sequence[Work]) -> dict[str, float]:
    general = config.getoption("guild_scope_timeout")
    own = {scope.id: scope.pytest.timeout for scope in project.scopes}
    limits = {work.unit.scope: own.get(work.unit.scope) or general for work in works}
    return {scope: limit for scope, limit in limits.items() if limit}
