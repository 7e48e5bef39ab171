"""A scope on its way: what discovery gathers before names and owners are given. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from guild_plugins.scopes.codeowners import OwnersLine, line_for
from guild_plugins.scopes.folders import Folder
from guild_plugins.scopes.globs import escape
from guild_plugins.scopes.kinds import is_tests
from guild_plugins.scopes.model import Evidence, PytestSettings, Scope, ScopeId
from guild_plugins.scopes.naming import name_for


@dataclass(slots=True)
class Draft:
    """A scope without its final name."""

    label: str
    """What it is to be called after: a path without what all have in common."""
    folders: list[str]
    tests: list[str] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    member: str | None = None
    """The project inside the project that it belongs to, with its own configuration."""
    needs: tuple[str, ...] | None = None
    """The members that it declares to need, by directory."""

    def add_test(self, path: str, reason: str) -> None:
        """Add a test path with its evidence."""
        self.tests.append(path)
        self.evidence.append(Evidence(f"tests {path}", reason))


def finish(
    drafts: Iterable[Draft], apart: Mapping[str, str], owners: tuple[OwnersLine, ...]
) -> tuple[Scope, ...]:
    """Name the drafts and make scopes of them, sorted by id.

    :param apart: The members that run in their own session, each with the reason.
    """
    named: dict[ScopeId, Draft] = {}
    for draft in sorted(drafts, key=lambda d: (d.label.count("/"), d.label, d.folders)):
        named[name_for(draft.label, named)] = draft
    by_member = {draft.member: name for name, draft in named.items() if draft.needs is not None}
    scopes = []
    for name, draft in sorted(named.items()):
        evidence = list(draft.evidence)
        settings = PytestSettings()
        if draft.member is not None and draft.member in apart:
            settings = PytestSettings(rootdir=draft.member)
            evidence.append(Evidence(f"own pytest session in {draft.member}", apart[draft.member]))
        needs = None
        if draft.needs is not None:
            needs = tuple(sorted(by_member[member] for member in draft.needs))
        line = line_for(owners, draft.folders[0])
        if line is not None:
            claim = f"owners {' '.join(line.owners)}" if line.owners else "explicitly no owners"
            evidence.append(Evidence(claim, f"CODEOWNERS, line {line.number}"))
        scopes.append(
            Scope(
                id=name,
                paths=tuple(f"{escape(folder)}/**" for folder in draft.folders),
                tests=tuple(escape(path) for path in draft.tests),
                depends_on=needs,
                owners=line.owners if line is not None else (),
                pytest=settings,
                evidence=tuple(evidence),
            )
        )
    return tuple(scopes)


def tests_inside(folder: Folder, others: Iterable[str]) -> list[str]:
    """Return the topmost folders of tests in a folder, but not those inside the others."""
    found, waiting, skipped = [], [folder], set(others)
    while waiting:
        for name, below in waiting.pop().folders.items():
            if not below.count or below.path in skipped or not below.path.isprintable():
                continue
            if is_tests(name):
                found.append(below.path)
            else:
                waiting.append(below)
    return sorted(found)
