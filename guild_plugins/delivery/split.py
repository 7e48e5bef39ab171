"""Dividing changes by scope, in an order in which each step can stand. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.index import Change
from guild_plugins.scopes.model import ROOT, ScopeId


class SplitImpossible(GuildError):
    """No order of the scopes' commits gives a tree at every step."""

    slug = "split-impossible"
    exit = Exit.UNSUPPORTED
    remedy = "Commit these paths together with git commit."

    def __init__(self, scopes: tuple[str, ...]) -> None:
        super().__init__(scopes)
        self.scopes = scopes

    def __str__(self) -> str:
        return (
            f"The scopes {', '.join(self.scopes)} turn each other's files into folders; "
            "one cannot be committed before the other."
        )


@dataclass(frozen=True, slots=True)
class Part:
    """One scope's share of the changes."""

    scope: ScopeId
    changes: tuple[Change, ...]


def divide(
    changes: Iterable[Change],
    owner_of: Callable[[str], ScopeId],
    needs: Mapping[ScopeId, Iterable[ScopeId]],
) -> list[Part]:
    """Divide changes by scope: what a scope depends on comes before it, ``root`` first of all.

    A path that a folder takes the place of must be gone before, whatever depends on what.

    :param needs: The scopes that each scope depends on.
    :raises SplitImpossible: There is no such order.
    """
    shares: dict[ScopeId, list[Change]] = {}
    for change in changes:
        shares.setdefault(owner_of(change.path), []).append(change)
    must = _give_way(shares, owner_of)
    wish = {scope: reach(scope, needs) & shares.keys() for scope in shares}
    wish = {scope: others | ({ROOT} & shares.keys()) - {scope} for scope, others in wish.items()}
    order = _order({scope: wish[scope] | must.get(scope, set()) for scope in shares})
    if order is None:
        order = _order({scope: must.get(scope, set()) for scope in shares})
    if order is None:
        raise SplitImpossible(tuple(sorted(must)))
    return [Part(scope, tuple(shares[scope])) for scope in order]


def _give_way(
    shares: Mapping[ScopeId, Sequence[Change]], owner_of: Callable[[str], ScopeId]
) -> dict[ScopeId, set[ScopeId]]:
    """Return for each scope those that must remove something before it can add something."""
    every = [change for share in shares.values() for change in share]
    gone = {change.path for change in every if change.new is None}
    added = {change.path for change in every if change.old is None}
    pairs = [(parent, path) for path in added for parent in _parents(path) if parent in gone]
    pairs += [(path, parent) for path in gone for parent in _parents(path) if parent in added]
    before: dict[ScopeId, set[ScopeId]] = {}
    for first, then in pairs:
        if owner_of(first) != owner_of(then):
            before.setdefault(owner_of(then), set()).add(owner_of(first))
    return before


def _parents(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def reach(scope: ScopeId, needs: Mapping[ScopeId, Iterable[ScopeId]]) -> set[ScopeId]:
    """Return all that a scope depends on, directly or through others."""
    found: set[ScopeId] = set()
    waiting = [scope]
    while waiting:
        for other in needs.get(waiting.pop(), ()):
            if other not in found:
                found.add(other)
                waiting.append(other)
    return found - {scope}


def _order(before: Mapping[ScopeId, set[ScopeId]]) -> list[ScopeId] | None:
    """Return the scopes with all that must be before each; ``None`` where that is a circle."""
    left = {scope: set(others) for scope, others in before.items()}
    order: list[ScopeId] = []
    while left:
        ready = sorted(scope for scope, others in left.items() if not others & left.keys())
        if not ready:
            return None
        order.append(ready[0])
        del left[ready[0]]
    return order
