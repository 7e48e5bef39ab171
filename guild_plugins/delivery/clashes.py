"""What would go wrong if two branches were merged now, before anybody commits.

Pairs are merged in memory. What is known of a pair depends on the merge base and two
trees, so it is kept by these: a look costs what changed since the last one. A pair of
which the changed paths alone show that git merges it, and whose files do not mention
what the other changed, starts no process at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Final, Literal

from guild_plugins.delivery.across import collisions_between
from guild_plugins.delivery.deltas import (
    Delta,
    Touched,
    may_conflict,
    mentions,
    read_delta,
    shared,
    stem_of,
)
from guild_plugins.delivery.kept_looks import KeptLooks
from guild_plugins.delivery.live import Live
from guild_plugins.delivery.parting import find_bases
from guild_plugins.delivery.tree_sides import Sides
from guild_plugins.delivery.trees import TreeMerge, merge_sides
from guild_plugins.git.objects import GitObjects
from guild_plugins.git.repository import Repository
from guild_plugins.merge.collisions import CALL, METHOD, MODULE, NAME
from guild_plugins.merge.inner_calls import unfit_calls
from guild_plugins.merge.kinds import PYTHON, VERIFIED, kind_of
from guild_plugins.merge.lost import Versions
from guild_plugins.merge.result import Clean
from guild_plugins.merge.verify import find_fault

Kind = Literal["conflict", "name", "method", "call", "module", "unsound", "unrelated"]
_KINDS: Final[Mapping[str, Kind]] = {
    NAME: "name",
    METHOD: "method",
    CALL: "call",
    MODULE: "module",
}


@dataclass(frozen=True, slots=True)
class Clash:
    """One thing that would go wrong.

    :param kind: ``conflict``: git cannot merge a file. ``name``, ``method``,
        ``call``, ``module``: one branch removed a name or a method, changed parameters,
        removed a module, and the other began to use it. ``unsound``: git merges a file,
        and what comes out is broken.
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
    with closing(GitObjects(repository.top)) as objects:
        sides = Sides(repository.top, pair[0].commit, pair[1].commit, objects)
        return _merged(sides, one, two, is_used=is_used)


def _merged(sides: Sides, one: Delta, two: Delta, *, is_used: bool) -> Between:
    """Merge two branches, and return what is wrong with it.

    :param is_used: Whether one may use what the other broke.
    """
    merge = merge_sides(sides)
    both = {path: _both_touched(path, one, two) for path in shared(one, two)}
    clashes = list(_conflicts(merge, both))
    if is_used:
        clashes += _across(sides, merge.tree)
    told = {clash.path for clash in clashes}
    clean = [p for p in both if p not in told and one.by_path[p].now != two.by_path[p].now]
    for path in clean:
        clashes += _unsound(path, _versions(sides, merge.tree, path), both[path])
    told = {clash.path for clash in clashes}
    near = [Touched(path, both[path]) for path in clean if both[path] and path not in told]
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
        yield Clash(
            "conflict",
            file.path,
            line=min(lines, default=0),
            detail="" if isinstance(file.result, Clean) else file.result.reason,
            symbols=both.get(file.path, ()),
            is_settled=is_settled,
        )
    told = {file.path for file in merge.files}
    for settled in merge.settled:
        path = settled.paths[0] if settled.paths else ""
        yield Clash("conflict", path, symbols=both.get(path, ()), is_settled=True)
    for found in merge.conflicts:
        path = found.paths[0] if found.paths else ""
        if not told.issuperset(found.paths):
            kind = found.kind.removeprefix("CONFLICT (").removesuffix(")")
            yield Clash("conflict", path, detail=kind, symbols=both.get(path, ()))


def _across(sides: Sides, tree: str) -> Iterator[Clash]:
    """Yield what one side began to use and the other no longer has, or has otherwise."""
    for found in collisions_between(sides, tree):
        kind: Kind = _KINDS[found.kind]
        word = found.name or stem_of(found.module)
        line = _line_of(word, sides.text(sides.entry(tree, found.user)))
        by = 0 if found.remover == "ours" else 1
        yield Clash(kind, found.user, line, found.module, found.name, by)


def _line_of(word: str, text: bytes) -> int:
    """Return the first line that has a word; 0 where none has."""
    found = re.search(rb"\b%s\b" % re.escape(word.encode()), text)
    return text.count(b"\n", 0, found.start()) + 1 if found else 0


def _versions(sides: Sides, tree: str, path: str) -> Versions:
    """Return a file that both sides changed."""
    ours, theirs = (sides.changes(revision)[path] for revision in (sides.ours, sides.theirs))
    merged = sides.changes(tree).get(path)
    last = merged.new if merged is not None else ours.old
    return Versions(*(sides.text(each) for each in (ours.old, ours.new, theirs.new, last)))


def _unsound(path: str, versions: Versions, symbols: tuple[str, ...]) -> Iterator[Clash]:
    """Yield what is broken in a file that git merges without a conflict."""
    kind = kind_of(path)
    if kind not in VERIFIED or not (versions.ours and versions.theirs and versions.merged):
        return
    base, ours, theirs, merged = versions
    fault = find_fault(kind, merged, base, ours, theirs)
    if fault is not None:
        yield Clash("unsound", path, detail=fault.reason, symbols=symbols)
    elif kind == PYTHON:
        for name, line in unfit_calls(versions):
            yield Clash("call", path, line, path, name)
