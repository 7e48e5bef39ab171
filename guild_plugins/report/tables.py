"""Plain tables for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from guild_plugins.report.text import printable
from guild_plugins.scopes.model import Scope

LONGEST = 60


def render_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return aligned columns, with two spaces between; columns of numbers to the right."""
    cells = [[printable(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = [all(row[i].isdigit() for row in cells[1:]) and bool(rows) for i in range(len(head))]
    lines = []
    for row in cells:
        padded = (
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        )
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def render_scopes(scopes: Sequence[Scope], files: Mapping[str, int], *, why: bool = False) -> str:
    """Return the scopes, one a line: number of files, paths, tests, dependencies, owners.

    :param files: How many files each scope owns.
    :param why: Follow with the evidence for each scope.
    """
    head = ("scope", "files", "paths", "tests", "depends on", "owners")
    rows = [
        (
            scope.id,
            str(files.get(scope.id, 0)),
            _short(scope.paths),
            _short(scope.tests),
            "any" if scope.depends_on is None else _short(scope.depends_on),
            _short(scope.owners),
        )
        for scope in scopes
    ]
    if not why:
        return render_table(head, rows)
    parts = [render_table(head, rows)]
    for scope in scopes:
        lines = [f"  {printable(e.claim)}: {printable(e.reason)}" for e in scope.evidence]
        parts.append("\n".join((scope.id, *lines)))
    return "\n\n".join(parts)


def _short(values: Sequence[str]) -> str:
    """Return the first value, and how many more there are."""
    if not values:
        return "-"
    first = printable(values[0])
    if len(first) > LONGEST:
        first = first[: LONGEST - 3] + "..."
    return first if len(values) == 1 else f"{first} +{len(values) - 1}"
