"""What would go wrong if two branches were merged now, before anybody commits.

Pairs are merged in memory. What is known of a pair depends on the merge base and two
trees, so it is kept by these: a look costs what changed since the last one. A pair of
which the changed paths alone show that git merges it, and whose files do not mention
what the other changed, starts no process at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Literal

from guild_plugins.delivery.collisions import read_both, read_versions
from guild_plugins.delivery.deltas import (
    Delta,
    Touched,
    may_conflict,
    mentions,
    read_delta,
    shared,
)
from guild_plugins.delivery.kept_looks import KeptLooks
from guild_plugins.delivery.live import Live
from guild_plugins.delivery.misfits import find_misfits, replaced_modules
from guild_plugins.delivery.parting import find_bases
from guild_plugins.delivery.trees import TreeMerge, merge_contents
from guild_plugins.git.repository import Repository
from guild_plugins.git.snapshots import revision_tree
from guild_plugins.graph.graph import ImportGraph
from guild_plugins.merge.collisions import NAME, OnlyPaths, find_collisions, source_folders
from guild_plugins.merge.kinds import VERIFIED, kind_of
from guild_plugins.merge.result import Clean
from guild_plugins.merge.verify import find_fault

Kind = Literal["conflict", "name", "call", "module", "unsound", "unrelated"]


@dataclass(frozen=True, slots=True)
class Clash:
    """One thing that would go wrong.

    :param kind: ``conflict``: git cannot merge a file. ``name``, ``call``, ``module``: one
        branch removed a name, changed parameters, removed a module, and the other began to
        use it. ``unsound``: git merges a file, and what comes out is broken.
        ``unrelated``: the branches have no common commit.
    :param path: The file that does not merge, or that uses what changed.
    :param line: Where, in that file; 0 where that is not known.
    :param module: The file that changed.
    :param name: What changed in it.
    :param by: Which of the two changed it: 0 or 1; ``None`` for both.
    :param detail: More, in words.
    :param symbols: Functions and classes that both edited there.
    :param is_settled: Guild's merge settles what git cannot.
    """

    kind: Kind
    path: str
    line: int = 0
    module: str = ""
    name: str = ""
    by: int | None = None
    detail: str = ""
    symbols: tuple[str, ...] = ()
    is_settled: bool = False


@dataclass(frozen=True, slots=True)
class Between:
    """What is between two branches.

    :param near: Functions that both edited, in files that merge all the same.
    """

    clashes: tuple[Clash, ...] = ()
    near: tuple[Touched, ...] = ()


@dataclass(frozen=True, slots=True)
class Pair:
    """Two branches, and what is between them."""

    ours: str
    theirs: str
    between: Between


def find_clashes(repository: Repository, lives: Sequence[Live], kept: KeptLooks) -> list[Pair]:
    """Return the pairs with anything between them, in order."""
    found = []
    parted = find_bases(repository, [live.tip for live in lives])
    for pair in combinations(sorted(lives, key=lambda live: live.name), 2):
        bases = parted[frozenset(live.tip for live in pair)]
        name = f"pair {bases} {pair[0].tree} {pair[1].tree}"
        between = kept.get(name, Between, partial(_look, repository, bases, pair, kept))
        if between.clashes or between.near:
            found.append(Pair(pair[0].name, pair[1].name, between))
    kept.end_look()
    return found


def _look(
    repository: Repository, bases: Sequence[str], pair: tuple[Live, Live], kept: KeptLooks
) -> Between:
    if not bases:
        return Between((Clash("unrelated", ""),))
    one, two = (
        kept.get(
            f"delta {bases[0]} {live.tree}",
            Delta,
            partial(read_delta, repository, bases[0], live.tree),
        )
        for live in pair
    )
    is_used = mentions(one, two)
    if len(bases) == 1 and not (may_conflict(one, two) or is_used):
        return Between()
    top, commits = repository.top, (pair[0].commit, pair[1].commit)
    merge = merge_contents(top, *commits)
    both = {path: _both_touched(path, one, two) for path in shared(one, two)}
    clashes = list(_conflicts(merge, both))
    if is_used:
        clashes += _across(repository, bases[0], commits, merge.tree)
    told = {clash.path for clash in clashes}
    alike = [path for path in both if one.by_path[path].now == two.by_path[path].now]
    merged = [path for path in both if path not in {*told, *alike}]
    clashes += _unsound(top, (bases[0], *commits, merge.tree), merged, both)
    told = {clash.path for clash in clashes}
    near = [Touched(path, both[path]) for path in merged if both[path] and path not in told]
    return Between(tuple(clashes), tuple(near))


def _both_touched(path: str, *deltas: Delta) -> tuple[str, ...]:
    """Return the functions of a file that both edited."""
    one, two = (
        {symbol for touched in delta.touched if touched.path == path for symbol in touched.symbols}
        for delta in deltas
    )
    return tuple(sorted(one & two))


def _conflicts(merge: TreeMerge, both: Mapping[str, tuple[str, ...]]) -> Iterator[Clash]:
    """Yield what git cannot merge, whether Guild can or not."""
    for file in merge.files:
        is_settled = file.result.is_clean
        lines = [region.start for region in file.result.regions if is_settled or region.is_open]
        reason = "" if isinstance(file.result, Clean) else file.result.reason
        yield Clash(
            "conflict",
            file.path,
            line=min(lines, default=0),
            detail=reason,
            symbols=both.get(file.path, ()),
            is_settled=is_settled,
        )
    told = {file.path for file in merge.files}
    for message in merge.conflicts:
        path = message.paths[0] if message.paths else ""
        if not told.issuperset(message.paths):
            kind = message.kind.removeprefix("CONFLICT (").removesuffix(")")
            yield Clash("conflict", path, detail=kind, symbols=both.get(path, ()))


def _across(
    repository: Repository, base: str, commits: tuple[str, str], tree: str
) -> Iterator[Clash]:
    """Yield what one side began to use and the other no longer has, or has otherwise."""
    both = read_both(repository.top, base, *commits, tree)
    if both is None:
        return
    roots = source_folders(both.paths)
    graph = ImportGraph(revision_tree(repository, tree), roots)
    misfits = find_misfits(both, graph, roots)
    told = {(misfit.user, misfit.module) for misfit in misfits if misfit.kind == "module"}
    told |= replaced_modules(both, graph, roots)
    for found in find_collisions(both.changed, OnlyPaths(both.paths)):
        if found.kind == NAME and (found.user, found.module) not in told:
            by = 0 if found.remover == "ours" else 1
            yield Clash("name", found.user, module=found.module, name=found.name, by=by)
    for misfit in misfits:
        kind: Kind = "call" if misfit.kind == "call" else "module"
        yield Clash(kind, misfit.user, misfit.line, misfit.module, misfit.name, misfit.by)


def _unsound(
    top: Path,
    commits: tuple[str, str, str, str],
    paths: Iterable[str],
    both: Mapping[str, tuple[str, ...]],
) -> Iterator[Clash]:
    """Yield files that git merges without a conflict, and that are broken then."""
    names = [path for path in paths if kind_of(path) in VERIFIED and "\n" not in path]
    if not names:
        return
    for path, versions in read_versions(top, names, commits).items():
        if versions.ours and versions.theirs and versions.merged:
            fault = find_fault(
                kind_of(path), versions.merged, versions.base, versions.ours, versions.theirs
            )
            if fault is not None:
                yield Clash("unsound", path, detail=fault.reason, symbols=both[path])
