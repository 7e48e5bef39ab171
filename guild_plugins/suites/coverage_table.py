"""Coverage by scope: figures, a table, floors. Pure.

A statement that runs at import runs once in a process, for whoever comes
first: which scope that is says nothing. So it counts for all who ran a
function of the same scope; statements of functions count for those who ran
them. The figures do not depend on the order or distribution of tests then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

TOTAL = "TOTAL"
"""The name under which a floor for the whole is set."""

_FLOOR = re.compile(r"\s*([^\s:=,]+)\s*[:=]\s*([^\s,]+)[\s,]*")


@dataclass(frozen=True, slots=True)
class Measured:
    """One file.

    :param statements: Lines with statements.
    :param executed: Those of them that ran.
    :param inside: Those of them that are inside functions.
    :param by_scope: Those of them that each scope's tests ran.
    """

    scope: str
    statements: Set[int]
    executed: Set[int]
    inside: Set[int]
    by_scope: Mapping[str, Set[int]]
    branches: int = 0
    missing_branches: int = 0


@dataclass(slots=True)
class Figures:
    """One scope's coverage, or the whole's.

    :param own: Statements that the scope's own tests ran.
    :param others: Statements that other scopes' tests ran.
    """

    scope: str
    statements: int = 0
    missing: int = 0
    branches: int = 0
    missing_branches: int = 0
    own: int = 0
    others: int = 0

    @property
    def covered(self) -> float:
        """Percentage as coverage.py counts it: of statements and branches together."""
        whole = self.statements + self.branches
        return 100.0 * (whole - self.missing - self.missing_branches) / whole if whole else 100.0

    @property
    def by_own(self) -> float:
        """Percentage of statements."""
        return 100.0 * self.own / self.statements if self.statements else 100.0

    @property
    def by_others(self) -> float:
        """Percentage of statements."""
        return 100.0 * self.others / self.statements if self.statements else 100.0


@dataclass(frozen=True, slots=True)
class Miss:
    """A floor that was not reached."""

    scope: str
    covered: float
    floor: float


def sum_up(files: Iterable[Measured]) -> list[Figures]:
    """Return each scope's figures, sorted by name."""
    grouped: dict[str, list[Measured]] = {}
    for file in files:
        grouped.setdefault(file.scope, []).append(file)
    return [_figures(scope, grouped[scope]) for scope in sorted(grouped)]


def whole_of(scopes: Sequence[Figures]) -> Figures:
    """Return the figures of all scopes together."""
    return Figures(
        TOTAL,
        statements=sum(f.statements for f in scopes),
        missing=sum(f.missing for f in scopes),
        branches=sum(f.branches for f in scopes),
        missing_branches=sum(f.missing_branches for f in scopes),
        own=sum(f.own for f in scopes),
        others=sum(f.others for f in scopes),
    )


def _figures(scope: str, files: Sequence[Measured]) -> Figures:
    own = [file.by_scope.get(scope, frozenset()) for file in files]
    others = [
        frozenset().union(*(lines for name, lines in file.by_scope.items() if name != scope))
        for file in files
    ]
    return Figures(
        scope,
        statements=sum(len(file.statements) for file in files),
        missing=sum(len(file.statements - file.executed) for file in files),
        branches=sum(file.branches for file in files),
        missing_branches=sum(file.missing_branches for file in files),
        own=_credit(files, own),
        others=_credit(files, others),
    )


def _credit(files: Sequence[Measured], ran: Sequence[Set[int]]) -> int:
    """Return how many statements count as run by those who ran ``ran``, file by file."""
    pairs = list(zip(files, ran, strict=True))
    if not any(file.inside for file in files):
        return sum(len(lines) for lines in ran)  # nothing but imports: no better evidence
    inside = sum(len(lines & file.inside) for file, lines in pairs)
    return inside + sum(len(file.executed - file.inside) for file in files) if inside else 0


def parse_floors(texts: Iterable[str]) -> dict[str, float]:
    """Read floors such as ``api: 90`` or ``api=90``; more than one may stand in a text.

    :raises ValueError: A text is no floor; says which.
    """
    floors: dict[str, float] = {}
    rest = " ".join(texts)
    while rest.strip():
        match = _FLOOR.match(rest)
        if match is None:
            raise ValueError(f"{rest.strip()!r} is not 'SCOPE: PERCENT'")
        try:
            floor = float(match[2].removesuffix("%"))
        except ValueError:
            floor = -1
        if not 0 <= floor <= 100:
            raise ValueError(f"{match[0].strip()!r}: a floor is a number from 0 to 100")
        floors[match[1]] = floor
        rest = rest[match.end() :]
    return floors


def misses(
    figures: Iterable[Figures], floors: Mapping[str, float], precision: int = 0
) -> list[Miss]:
    """Return the floors that were not reached; compares as coverage.py does."""
    return [
        Miss(f.scope, f.covered, floors[f.scope])
        for f in figures
        if f.scope in floors and _is_below(f.covered, floors[f.scope], precision)
    ]


def _is_below(covered: float, floor: float, precision: int) -> bool:
    if floor == 100:
        return covered != 100
    return round(covered, precision) < floor


def percent(value: float, precision: int = 0) -> str:
    """Write a percentage as coverage.py does: 0 and 100 are said only where they are exact."""
    least = 10.0**-precision
    if 0 < value < least:
        value = least
    elif 100 - least < value < 100:
        value = 100 - least
    else:
        value = round(value, precision)
    return f"{value:.{precision}f}%"


def render(scopes: Sequence[Figures], floors: Mapping[str, float], precision: int = 0) -> str:
    """Return the table: a line for each scope, and one for the whole."""
    has_branches = any(f.branches for f in scopes)
    has_floors = any(f.scope in floors for f in scopes)
    head = ["Scope", "Stmts", *(["Branch"] if has_branches else []), "Cover"]
    head += ["Own tests", "Other tests", *(["Floor"] if has_floors else [])]
    rows = [head]
    for f in [*scopes, whole_of(scopes)]:
        row = [f.scope, str(f.statements)]
        row += [str(f.branches)] if has_branches else []
        row += [percent(value, precision) for value in (f.covered, f.by_own, f.by_others)]
        row += [f"{floors[f.scope]:g}%" if f.scope in floors else ""] if has_floors else []
        rows.append(row)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])],
        ).rstrip()
        for row in rows
    ]
    rule = "-" * max(map(len, lines))
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])
