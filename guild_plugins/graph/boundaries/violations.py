"""What a rule found: where, which, why, who, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

RULES = {
    "depends-on": "A scope imports only the scopes that it declares to depend on.",
    "forbids": "A scope does not reach a scope that it forbids, directly or through others.",
    "public": "A scope is imported only through its public modules and names.",
    "layers": "A scope does not import a scope of a higher layer.",
    "independent": "Independent scopes do not reach one another.",
    "cycle": "Scopes do not import each other in a circle.",
    "internal": "A third-party package is imported only by the scope that keeps it internal.",
    "deprecated": "A dependency shall be gone by a date.",
    "ownership": "A change that belongs to one scope touches only that scope's paths.",
    "breaking": "A change of a public surface breaks no importer.",
    "missing": "What is imported is part of the tree.",
    "unreadable": "The imports of a Python file can be read.",
}
"""All rules, each in a sentence."""


class Step(NamedTuple):
    """One link of a chain: a file, and the line on which it imports the next; 0 for the last."""

    path: str
    line: int


class Violation(NamedTuple):
    """One place where a rule is not kept."""

    rule: str
    path: str
    line: int
    message: str
    scope: str = "root"
    """The scope of the file that has to change."""
    target: str = ""
    """The file, package or name that it is about."""
    remedy: str = ""
    chain: tuple[Step, ...] = ()
    owners: tuple[str, ...] = ()
    is_warning: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """What stays the same when lines move."""
        return self.rule, self.path, self.target

    def as_data(self) -> dict[str, Any]:
        """Return it as plain data."""
        data = self._asdict()
        data["chain"] = [{"path": step.path, "line": step.line} for step in self.chain]
        data["owners"] = list(self.owners)
        data["severity"] = "warning" if data.pop("is_warning") else "error"
        return data


def place_of(violation: Violation) -> tuple[str, int, str, str]:
    """Return what violations are sorted by."""
    return violation.path, violation.line, violation.rule, violation.target


def in_order(violations: Iterable[Violation]) -> tuple[Violation, ...]:
    """Return each violation once, by place; of several with one key, the first."""
    found: dict[tuple[str, str, str], Violation] = {}
    for violation in sorted(violations, key=place_of):
        found.setdefault(violation.key, violation)
    return tuple(found.values())
