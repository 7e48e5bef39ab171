"""What is wrong with a project's scopes, judged by its files. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from guild_plugins.scopes.cycles import find_cycle
from guild_plugins.scopes.globs import Glob, parse_glob
from guild_plugins.scopes.model import Scope
from guild_plugins.scopes.ownership import Owners, OwnershipUnclear

SHARED = ("/__init__.py", "/conftest.py")
"""What may lie above scopes without belonging to one of them."""

Kind = Literal["uncovered", "doubly-claimed", "empty", "cyclic"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to put right: what kind, about what, and a sentence."""

    kind: Kind
    subject: str
    message: str


def examine(scopes: Sequence[Scope], owners: Owners, files: Iterable[str]) -> tuple[Finding, ...]:
    """Return what is wrong: first per path, then per scope.

    Uncovered is a Python file in a folder that no scope claims. Other files
    without a scope, and those in the root itself, belong to the implicit scope.
    """
    listing = tuple(files)
    findings: list[Finding] = []
    uncovered: dict[str, list[str]] = {}
    unclear: dict[tuple[str, str], list[OwnershipUnclear]] = {}
    owned: set[str] = set()
    for path in listing:
        try:
            claim = owners.claim_on(path)
        except OwnershipUnclear as error:
            owned |= {error.first.scope, error.second.scope}
            pair = tuple(sorted((str(error.first), str(error.second))))
            unclear.setdefault((pair[0], pair[1]), []).append(error)
            continue
        if claim is not None:
            owned.add(claim.scope)
        elif "/" in path and path.endswith(".py") and not path.endswith(SHARED):
            uncovered.setdefault(path.rpartition("/")[0], []).append(path)
    for folder, paths in sorted(uncovered.items()):
        message = f"{_count(paths)} in {folder} belong to no scope, such as {paths[0]}"
        findings.append(Finding("uncovered", folder, message))
    for (first, second), errors in sorted(unclear.items()):
        message = f"{_count(errors)} are claimed by {first} and by {second}"
        findings.append(Finding("doubly-claimed", errors[0].path, message))
    findings += _empty(scopes, owned, listing)
    cycle = find_cycle({scope.id: scope.needs for scope in scopes})
    if cycle:
        circle = " -> ".join((*cycle, cycle[0]))
        findings.append(Finding("cyclic", cycle[0], f"depends_on goes in a circle: {circle}"))
    return tuple(findings)


def _empty(scopes: Iterable[Scope], owned: set[str], files: Sequence[str]) -> list[Finding]:
    """Return scopes that own nothing, and patterns of others that match nothing."""
    places = set(files)
    for path in files:
        while path := path.rpartition("/")[0]:
            places.add(path)
    findings = []
    for scope in scopes:
        if scope.id not in owned:
            findings.append(Finding("empty", scope.id, f"scope {scope.id} owns no file"))
            continue
        for key, patterns in (("paths", scope.paths), ("tests", scope.tests)):
            for pattern in patterns:
                if not _finds(parse_glob(pattern), places, files):
                    message = f"scope {scope.id}: {key} = {pattern!r} matches no file"
                    findings.append(Finding("empty", scope.id, message))
    return findings


def _finds(glob: Glob, places: set[str], files: Sequence[str]) -> bool:
    if glob.literal is not None:
        return not glob.literal or glob.literal in places
    return any(glob.matches(path) for path in files)


def _count(things: Sequence[object]) -> str:
    return "1 file" if len(things) == 1 else f"{len(things)} files"
