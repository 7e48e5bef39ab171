"""Which scope owns which path.

Pure: paths come in as values. A path has one owner: the scope with the most
specific matching pattern, which is the one with more leading segments free of
wildcards, then the one with more plain characters. Between equals, ``tests``
win over ``paths``; what is still equal is an error that shows both.

Within one scope the patterns are read as ``.gitignore`` reads them: the last
that matches decides, and ``!`` takes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from guild_plugins.errors import Exit, GuildError
from guild_plugins.scopes.globs import Glob, parse_glob
from guild_plugins.scopes.model import ROOT, Scope, ScopeId

Rank = tuple[int, int, bool]


class OwnershipUnclear(GuildError):
    """Two scopes claim the same path, and neither pattern is more specific."""

    slug = "ownership-unclear"
    exit = Exit.USAGE
    remedy = "Make one of the patterns longer, or take the path back with a '!' pattern."

    def __init__(self, path: str, first: Claim, second: Claim) -> None:
        super().__init__(path, first, second)
        self.path, self.first, self.second = path, first, second

    def __str__(self) -> str:
        return f"{self.path!r} is claimed by {self.first} and by {self.second}."


class Claim(NamedTuple):
    """A scope's claim on a path: the pattern that makes it, and from where."""

    scope: ScopeId
    key: str
    """``paths`` or ``tests``."""
    pattern: str
    rank: Rank

    def __str__(self) -> str:
        return f"scope {self.scope} ({self.key} = {self.pattern!r})"


class Owners:
    """The claims of all scopes, made ready to answer quickly.

    Patterns without wildcards, which is all that discovery makes, are found by
    looking up the path and its parents; only the others are matched one by one.
    """

    def __init__(self, scopes: Iterable[Scope]) -> None:
        self._literal: dict[str, list[Claim]] = {}
        self._matched: list[tuple[tuple[Glob, Claim], ...]] = []
        for scope in scopes:
            for key, patterns in (("paths", scope.paths), ("tests", scope.tests)):
                self._add(scope.id, key, [parse_glob(pattern) for pattern in patterns])

    def owner_of(self, path: str) -> ScopeId:
        """Return the scope that owns the path; ``root`` where none claims it.

        :raises OwnershipUnclear: Two claims are equally specific.
        """
        claim = self.claim_on(path)
        return claim.scope if claim else ROOT

    def claim_on(self, path: str) -> Claim | None:
        """Return the claim that decides.

        :raises OwnershipUnclear: Two claims are equally specific.
        """
        best: Claim | None = None
        rival: Claim | None = None
        for claim in self._claims_on(path):
            if best is None or claim.rank > best.rank:
                best, rival = claim, None
            elif claim.rank == best.rank and claim.scope != best.scope:
                rival = claim
        if best is not None and rival is not None:
            raise OwnershipUnclear(path, best, rival)
        return best

    def all_claims_on(self, path: str) -> tuple[Claim, ...]:
        """Return every claim on a path, the most specific first."""
        return tuple(sorted(self._claims_on(path), key=lambda claim: claim.rank, reverse=True))

    def _claims_on(self, path: str) -> Iterator[Claim]:
        prefix = path
        while True:
            yield from self._literal.get(prefix, ())
            if not prefix:
                break
            prefix = prefix.rpartition("/")[0]
        for globs in self._matched:
            claim = _last_word(globs, path)
            if claim is not None:
                yield claim

    def _add(self, scope: ScopeId, key: str, globs: list[Glob]) -> None:
        claims = [Claim(scope, key, g.pattern, (*g.rank, key == "tests")) for g in globs]
        if any(glob.negated for glob in globs):
            self._matched.append(tuple(zip(globs, claims, strict=True)))
            return
        for glob, claim in zip(globs, claims, strict=True):
            if glob.literal is None:
                self._matched.append(((glob, claim),))
            else:
                self._literal.setdefault(glob.literal, []).append(claim)


def _last_word(globs: tuple[tuple[Glob, Claim], ...], path: str) -> Claim | None:
    """Return the most specific claim made after the last ``!`` that matches."""
    best: Claim | None = None
    for glob, claim in globs:
        if not glob.matches(path):
            continue
        if glob.negated:
            best = None
        elif best is None or claim.rank > best.rank:
            best = claim
    return best
